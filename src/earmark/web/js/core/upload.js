/** Uploads with their progress, which `fetch` does not tell. */

import { ApiError, call, keyHeader, problemFrom } from "./api.js";

/**
 * Send a form.
 * @param {string} path
 * @param {FormData} form
 * @param {AbortSignal} [signal]
 * @param {(sent_bytes: number, total_bytes: number) => void} [onProgress]
 * @returns {Promise<{status: number, body: string}>}
 */
export async function post(path, form, signal, onProgress = () => {}) {
  try {
    return await send(path, form, signal, onProgress);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    await call("/v1/tracks?limit=1"); // asks for the key that is missing or refused
    return send(path, form, signal, onProgress);
  }
}

/**
 * @param {string} path
 * @param {FormData} form
 * @param {AbortSignal|undefined} signal
 * @param {(sent: number, total: number) => void} onProgress
 * @returns {Promise<{status: number, body: string}>}
 */
function send(path, form, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(keyHeader())) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
    request.onload = () => {
      const { status, responseText } = request;
      if (status >= 200 && status < 300) resolve({ status, body: responseText });
      else
        reject(problemFrom(status, responseText, request.getResponseHeader("X-Request-ID") ?? ""));
    };
    request.onerror = () => reject(new ApiError(0, "offline", ""));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
