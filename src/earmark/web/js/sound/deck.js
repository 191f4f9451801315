/** Two players in step: one's own recording and the match, to switch between or hear together. */

import { loudness } from "./recording.js";

/** @typedef {"mine"|"both"|"match"} Ear */

/**
 * @typedef {object} Side one of the two sounds
 * @property {AudioBuffer|null} buffer
 * @property {number} from_s where the query time 0 lies in the buffer, in its own seconds
 * @property {number} speed its seconds for one second of the query
 */

const LEVEL = 0.12; // both are brought to this RMS level, so that neither drowns the other
const FADE_S = 0.02;

export class Deck {
  /**
   * @param {Side} mine
   * @param {Side} match
   * @param {number} start_s of the stretch that is played, in the query's time
   * @param {number} end_s
   */
  constructor(mine, match, start_s, end_s) {
    this.sides = { mine, match };
    this.start_s = start_s;
    this.end_s = end_s;
    /** @type {Ear} */
    this.ear = "both";
    this.at_s = start_s;
    this.playing = false;
    /** @type {() => void} */
    this.onchange = () => {};
    /** @type {AudioContext|null} */
    this.context = null;
    /** @type {{source: AudioBufferSourceNode, gain: GainNode, name: "mine"|"match", level: number}[]} */
    this.voices = [];
    this.began_s = 0;
  }

  /** @returns {number} where it is, in the query's time */
  get now_s() {
    if (!this.playing || !this.context) return this.at_s;
    return Math.min(this.end_s, this.at_s + Math.max(0, this.context.currentTime - this.began_s));
  }

  play() {
    if (this.playing) return;
    if (this.at_s >= this.end_s - 0.05) this.at_s = this.start_s;
    this.context ??= new AudioContext();
    this.context.resume();
    this.began_s = this.context.currentTime + 0.05;
    this.voices = [];
    for (const name of /** @type {const} */ (["mine", "match"])) this.start(name);
    this.playing = true;
    const rest_ms = (this.end_s - this.at_s + 0.05) * 1000;
    this.timer = setTimeout(() => {
      this.pause();
      this.at_s = this.end_s;
      this.onchange();
    }, rest_ms);
    stopOthers(this);
    this.onchange();
  }

  /** @param {"mine"|"match"} name */
  start(name) {
    const { buffer, from_s, speed } = this.sides[name];
    const context = /** @type {AudioContext} */ (this.context);
    if (!buffer) return;
    const level = Math.min(8, LEVEL / Math.max(loudness(buffer), 1e-4));
    const source = new AudioBufferSourceNode(context, { buffer, playbackRate: speed });
    const gain = new GainNode(context, { gain: this.heard(name) ? level : 0 });
    source.connect(gain).connect(context.destination);
    const offset_s = from_s + this.at_s * speed;
    const wait_s = Math.max(0, -offset_s / speed); // the match begins later than the recording
    source.start(this.began_s + wait_s, Math.max(0, offset_s));
    this.voices.push({ source, gain, name, level });
  }

  pause() {
    if (!this.playing) return;
    this.at_s = this.now_s;
    this.playing = false;
    clearTimeout(this.timer);
    for (const { source } of this.voices) source.stop();
    this.voices = [];
    this.onchange();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** @param {number} at_s in the query's time */
  seek(at_s) {
    const was = this.playing;
    this.pause();
    this.at_s = Math.min(this.end_s, Math.max(this.start_s, at_s));
    if (was) this.play();
    else this.onchange();
  }

  /** Listen to the one, the other or both, without a break. @param {Ear} ear */
  hear(ear) {
    this.ear = ear;
    for (const { gain, name, level } of this.voices) {
      const now = /** @type {AudioContext} */ (this.context).currentTime;
      gain.gain.setTargetAtTime(this.heard(name) ? level : 0, now, FADE_S);
    }
    this.onchange();
  }

  /** @param {"mine"|"match"} name */
  heard(name) {
    return this.ear === "both" || this.ear === name;
  }

  close() {
    this.pause();
    this.context?.close().catch(() => {});
    this.context = null;
  }
}

/** @type {{pause: () => void}|null} */
let sounding = null;

/**
 * One thing sounds at a time on this page.
 * @param {{pause: () => void}} player the one that begins
 */
export function stopOthers(player) {
  if (sounding && sounding !== player) sounding.pause();
  sounding = player;
}
