/** Ask what a file is. */

import { withQuery } from "../core/api.js";
import { post } from "../core/upload.js";

/**
 * @param {Blob} blob
 * @param {string} name
 * @param {string} mode
 * @param {AbortSignal} signal
 * @param {(part: number) => void} onProgress of the upload, in [0, 1]
 * @returns {Promise<any>} the answer
 */
export async function identify(blob, name, mode, signal, onProgress) {
  const form = new FormData();
  form.append("file", blob, name || "recording.wav");
  const path = withQuery("/v1/identify", { mode, limit: 8, drawing: true });
  const { body } = await post(path, form, signal, (sent, total) =>
    onProgress(total ? sent / total : 0),
  );
  return JSON.parse(body);
}
