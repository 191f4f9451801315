/** Figures and codes in words. */

import { ApiError } from "./api.js";
import { heldKey } from "./keys.js";
import { has, spoken, t } from "./i18n.js";

/** @param {number} seconds @returns {string} `0:42`, `1:02:03` */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 0.0005));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {number} value @param {number} [digits] @returns {string} */
export function figure(value, digits = 0) {
  return new Intl.NumberFormat(spoken(), { maximumFractionDigits: digits }).format(value);
}

/** @param {number} bytes @returns {string} */
export function size(bytes) {
  const unit = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return new Intl.NumberFormat(spoken(), {
    style: "unit",
    unit: String(unit[0]),
    unitDisplay: "short",
    maximumFractionDigits: bytes < 1e7 ? 1 : 0,
  }).format(bytes / Number(unit[1]));
}

/** @param {string|number} when @returns {string} */
export function date(when) {
  return new Intl.DateTimeFormat(spoken(), { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(when),
  );
}

/** @param {number} confidence in [0, 1] @returns {"certain"|"likely"|"possible"|"guess"} */
export function certainty(confidence) {
  if (confidence >= 0.9) return "certain";
  if (confidence >= 0.7) return "likely";
  return confidence >= 0.4 ? "possible" : "guess";
}

/**
 * What a track is called: its title, or the name of its file.
 * @param {{title?: string, source?: string, id: string}} track
 */
export function titleOf(track) {
  if (track.title) return track.title;
  const name = (track.source ?? "").split(/[\\/]/).pop() ?? "";
  return name.replace(/\.[A-Za-z0-9]{1,5}$/, "") || track.id;
}

/**
 * An error in the reader's words; the service's own sentence where there are none.
 * @param {unknown} error
 * @returns {string}
 */
export function trouble(error) {
  if (error instanceof ApiError) {
    if (error.code === "unauthorized" && !heldKey()) return t("key.name");
    const key = `error.${error.code}`;
    if (has(key)) return t(key);
    return error.detail || t("error.internal");
  }
  return t("error.unknown", { detail: error instanceof Error ? error.message : String(error) });
}

/** @param {string} code @param {string} message @returns {string} */
export function failure(code, message) {
  return has(`error.${code}`) ? t(`error.${code}`) : message;
}
