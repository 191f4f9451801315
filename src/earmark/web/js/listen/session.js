/** One listening, from the press of the button to an answer: sound, conversation, recording. */

import { ApiError } from "../core/api.js";
import { capture, RATE_HZ } from "../sound/capture.js";
import { wav } from "../sound/recording.js";
import { Conversation } from "./socket.js";

/**
 * @typedef {object} Watch
 * @property {(state: "asking"|"listening"|"thinking") => void} state
 * @property {(level: number, peak: number) => void} loud for the ring
 * @property {(verdict: "ok"|"quiet"|"silent"|"clipped") => void} verdict
 * @property {(answer: any) => void} partial
 * @property {(part: number) => void} progress of the time there is, in [0, 1]
 */

export class Session {
  /** @param {"microphone"|"tab"} source @param {string} mode @param {Watch} watch */
  constructor(source, mode, watch) {
    this.source = source;
    this.mode = mode;
    this.watch = watch;
    /** @type {Int16Array[]} */
    this.blocks = [];
    this.limit_s = 20;
    this.left = false;
    /** @type {import("../sound/capture.js").Capture|null} */
    this.capture = null;
    /** @type {Conversation|null} */
    this.line = null;
  }

  /**
   * Listen until there is an answer.
   * @returns {Promise<{answer: any, recording: import("../sound/recording.js").Recording}|null>}
   *   null where it was left before anything was heard
   */
  async run() {
    this.watch.state("asking");
    try {
      const answer = await new Promise((resolve, reject) => {
        this.begin(resolve, reject).catch(reject);
      });
      const recording = { blob: wav(this.blocks, RATE_HZ), name: "", from: this.source };
      return answer ? { answer, recording } : null;
    } finally {
      this.silence();
      this.line?.close();
    }
  }

  /** @param {(answer: any) => void} resolve @param {(error: unknown) => void} reject */
  async begin(resolve, reject) {
    this.giveUp = () => resolve(null);
    const capture_ = await capture(
      this.source,
      (block) => this.take(block),
      (level, peak) => this.watch.loud(level, peak),
      () => this.stop(),
    );
    this.capture = capture_;
    if (this.left) {
      resolve(null);
      return;
    }
    this.line = new Conversation(this.mode, RATE_HZ, {
      ready: (limit_s) => {
        this.limit_s = limit_s;
      },
      level: (verdict) => this.watch.verdict(verdict),
      partial: (answer) => this.watch.partial(answer),
      answer: resolve,
      error: (code, detail, status) => reject(new ApiError(status, code, detail)),
    });
    for (const block of this.blocks) this.line.send(block); // heard while the line was made
    this.watch.state("listening");
  }

  /** @param {Int16Array} block */
  take(block) {
    this.blocks.push(block);
    this.line?.send(block);
    const heard_s = (this.blocks.length * block.length) / RATE_HZ;
    this.watch.progress(Math.min(1, heard_s / this.limit_s));
    if (heard_s >= this.limit_s + 0.5) this.stop();
  }

  /** Take no more sound, and answer from what there is. */
  stop() {
    if (!this.line || !this.blocks.length) {
      this.leave();
      return;
    }
    this.silence();
    this.watch.state("thinking");
    this.line.stop();
  }

  /** Forget it. */
  leave() {
    this.left = true;
    this.silence();
    this.line?.close();
    this.giveUp?.();
  }

  silence() {
    this.capture?.stop();
    this.capture = null;
  }
}
