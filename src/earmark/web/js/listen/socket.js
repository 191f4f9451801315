/** One conversation over /v1/listen: blocks of sound out, what is heard back. */

import { heldKey } from "../core/keys.js";

/**
 * @typedef {object} Heard what the conversation tells
 * @property {(limit_s: number) => void} ready
 * @property {(verdict: "ok"|"quiet"|"silent"|"clipped") => void} level
 * @property {(answer: any, at_s: number) => void} partial
 * @property {(answer: any) => void} answer a match, or that there is none
 * @property {(code: string, detail: string, status: number) => void} error
 */

export class Conversation {
  /** @param {string} mode @param {number} rate_hz @param {Heard} heard */
  constructor(mode, rate_hz, heard) {
    this.heard = heard;
    this.over = false;
    this.stopped = false;
    /** @type {(Int16Array|string)[]} said before the line was open */
    this.waiting = [];
    const address = new URL("/v1/listen", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.line = new WebSocket(address);
    this.line.onopen = () => {
      const key = heldKey();
      this.line.send(
        JSON.stringify({
          type: "start",
          format: "pcm_s16le",
          rate_hz,
          channels: 1,
          mode,
          limit: 8,
          drawing: true,
          ...(key ? { key } : {}),
        }),
      );
      for (const part of this.waiting) this.line.send(part);
      this.waiting = [];
    };
    this.line.onmessage = ({ data }) => this.take(JSON.parse(data));
    this.line.onclose = ({ code }) => {
      if (!this.over) this.fail(code === 1013 ? "busy" : "line_lost", "", 0);
    };
  }

  /** @param {any} message */
  take(message) {
    if (this.over) return;
    if (message.type === "ready") this.heard.ready(message.limit_s);
    else if (message.type === "level") this.heard.level(message.verdict);
    else if (message.type === "partial") this.heard.partial(message.answer, message.at_s);
    else if (message.type === "match" || message.type === "no_match") {
      this.over = true;
      this.heard.answer(message.answer);
    } else if (message.type === "error") this.fail(message.code, message.detail, message.status);
    else if (message.type === "end") this.fail("line_lost", "", 0);
  }

  /** @param {string} code @param {string} detail @param {number} status */
  fail(code, detail, status) {
    this.over = true;
    this.heard.error(code, detail, status);
    this.close();
  }

  /** @param {Int16Array} block */
  send(block) {
    if (!this.over && !this.stopped) this.put(block);
  }

  /** No more sound is coming: answer from what there is. */
  stop() {
    if (this.over || this.stopped) return;
    this.stopped = true;
    this.put(JSON.stringify({ type: "stop" }));
  }

  /** @param {Int16Array|string} part */
  put(part) {
    if (this.line.readyState === WebSocket.OPEN) this.line.send(part);
    else if (this.line.readyState === WebSocket.CONNECTING) this.waiting.push(part);
  }

  close() {
    this.over = true;
    this.line.close();
  }
}
