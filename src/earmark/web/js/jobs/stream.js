/** A job, followed to its end. */

import { call } from "../core/api.js";
import { events } from "../core/events.js";

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
