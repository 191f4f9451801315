/** Server-sent events read with `fetch`: `EventSource` cannot send a key. */

import { call } from "../core/api.js";

/**
 * Follow a job to its end; comes back on after a lost line.
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {(job: any) => void} onProgress
 * @returns {Promise<any>} the job as it ended
 */
export async function follow(id, signal, onProgress) {
  const path = `/v1/jobs/${encodeURIComponent(id)}/events`;
  for (let tries = 0; tries < 5; tries += 1) {
    const response = await call(path, { signal, headers: { Accept: "text/event-stream" } });
    try {
      for await (const { event, data } of events(/** @type {ReadableStream} */ (response.body))) {
        const job = JSON.parse(data);
        if (event === "end") return job;
        onProgress(job);
        tries = 0;
      }
    } catch (error) {
      if (signal.aborted) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 1000 * (tries + 1));
    });
  }
  return null;
}

/** @param {ReadableStream<Uint8Array>} body */
async function* events(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text = (text + value).replace(/\r\n/g, "\n");
    let end = text.indexOf("\n\n");
    while (end >= 0) {
      const event = { event: "message", data: "" };
      for (const line of text.slice(0, end).split("\n")) {
        if (line.startsWith("event:")) event.event = line.slice(6).trim();
        else if (line.startsWith("data:")) event.data += line.slice(5).trimStart();
      }
      text = text.slice(end + 2);
      if (event.data) yield event;
      end = text.indexOf("\n\n");
    }
  }
}
