/** Server-sent events read with `fetch`: `EventSource` cannot send a key. */

import { ApiError, call } from "./api.js";

const QUIET_MS = 60_000; // the service says at least that it is there four times as often
const LONGEST_WAIT_MS = 15_000;

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} [beat] called whenever anything comes, a sign of life too
 */
export async function* events(body, beat = () => {}) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    beat();
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

/**
 * Listen until the signal, and come back on after every lost line.
 * @param {string} path
 * @param {AbortSignal} signal
 * @param {object} told
 * @param {() => void} [told.opened] whenever the line is there (again)
 * @param {() => void} [told.lost]
 * @param {(event: string, data: any) => void} told.heard
 * @returns {Promise<void>} rejects with what waiting does not mend: a missing scope, a lost stream
 */
export async function listen(path, signal, { opened = () => {}, lost = () => {}, heard }) {
  let tries = 0;
  while (!signal.aborted) {
    const line = new AbortController();
    const stop = () => line.abort();
    signal.addEventListener("abort", stop);
    let timer = setTimeout(stop, QUIET_MS);
    const beat = () => {
      clearTimeout(timer);
      timer = setTimeout(stop, QUIET_MS);
      tries = 0;
    };
    try {
      const asked = { signal: line.signal, headers: { Accept: "text/event-stream" } };
      const response = await call(path, asked);
      opened();
      const body = /** @type {ReadableStream} */ (response.body);
      for await (const { event, data } of events(body, beat)) heard(event, JSON.parse(data));
    } catch (error) {
      if (error instanceof ApiError && [401, 403, 404].includes(error.status)) throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    lost();
    await pause(Math.min(LONGEST_WAIT_MS, 1000 * 2 ** tries), signal);
    tries += 1;
  }
}

/** @param {number} wait_ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(wait_ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait_ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
