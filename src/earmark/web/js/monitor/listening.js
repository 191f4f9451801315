/** Plays a stretch of a scan: of the file, where this tab has it, else the clip that was kept. */

import { call } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { show } from "../core/say.js";
import { stopOthers } from "../sound/deck.js";
import { wrong } from "./may.js";

/** Files of this tab by the scan that they were sent for. @type {Map<string, File>} */
const files = new Map();

const audio = h("audio", { id: "range-audio", preload: "auto" });
const one = { pause: () => audio.pause() };
let address = "";
let loaded = "";
/** @type {{key: string, until_s: number}|null} */
let playing = null;
/** @type {() => void} */
let changed = () => {};

audio.addEventListener("timeupdate", () => {
  if (playing && audio.currentTime >= playing.until_s) audio.pause();
});
for (const name of ["pause", "ended", "play"]) audio.addEventListener(name, () => changed());

/** @param {() => void} tell called when something begins or ends to sound @returns {HTMLElement} */
export function listener(tell) {
  changed = tell;
  return audio;
}

/** @param {string} scan @param {File} file */
export function holdFile(scan, file) {
  files.set(scan, file);
}

/** @param {string} scan @returns {boolean} */
export function hasFile(scan) {
  return files.has(scan);
}

/** @returns {string} the key of what sounds now */
export function sounding() {
  return playing && !audio.paused ? playing.key : "";
}

/** Be quiet. */
export function hush() {
  audio.pause();
}

/**
 * Play a stretch, or be quiet where it plays already.
 * @param {string} scan
 * @param {{key: string, start_s: number, end_s: number, detection?: string}} span
 */
export async function playRange(scan, { key, start_s, end_s, detection }) {
  if (sounding() === key) {
    hush();
    return;
  }
  try {
    const file = files.get(scan);
    if (file) await load(`file ${scan}`, async () => file);
    else if (detection) await load(`clip ${detection}`, () => clip(detection));
    else return;
    playing = { key, until_s: file ? end_s : Infinity };
    audio.currentTime = file ? start_s : 0;
    stopOthers(one);
    await audio.play();
  } catch (error) {
    const silent = /** @type {Error} */ (error).name === "NotSupportedError";
    if (/** @type {Error} */ (error).name === "AbortError") return;
    show({ text: () => (silent ? t("scan.silent") : wrong(error)), look: "bad" });
  }
}

/** @param {string} id @returns {Promise<Blob>} */
async function clip(id) {
  return (await call(`/v1/detections/${encodeURIComponent(id)}/evidence`)).blob();
}

/** @param {string} name @param {() => Promise<Blob>} read */
async function load(name, read) {
  if (loaded === name) return;
  const blob = await read();
  audio.pause();
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(blob);
  audio.src = address;
  loaded = name;
}
