/** Times, lengths, speeds and names as people say them. */

import { spoken, t } from "../core/i18n.js";
import { clock, figure, titleOf } from "../core/words.js";

/** @param {number} at seconds since 1970 @returns {string} `14:03:07` */
export function timeOfDay(at) {
  return new Intl.DateTimeFormat(spoken(), { timeStyle: "medium", hourCycle: "h23" }).format(
    new Date(at * 1000),
  );
}

/** @param {number} at seconds since 1970 @returns {string} */
export function moment(at) {
  return new Intl.DateTimeFormat(spoken(), { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(at * 1000),
  );
}

/** @param {number} at seconds since 1970 @returns {string} short: of today only the time */
export function recently(at) {
  const when = new Date(at * 1000);
  if (when.toDateString() === new Date().toDateString()) return timeOfDay(at);
  const year = when.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  /** @type {Intl.DateTimeFormatOptions} */
  const parts = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(spoken(), { ...parts, year, hourCycle: "h23" }).format(when);
}

/** @param {string} source an address, or a file of which only the name is told @returns {string} */
export function sourceName(source) {
  return source.includes("://") ? source : (source.split(/[\\/]/).pop() ?? source);
}

/** @param {any} track @returns {string} */
export function called(track) {
  return track.artist ? `${titleOf(track)} · ${track.artist}` : titleOf(track);
}

/** @param {number} ratio seconds of the track for one of the source @returns {string} */
export function speed(ratio) {
  const percent = (ratio - 1) * 100;
  if (Math.abs(percent) < 0.05) return t("monitor.speed_same");
  return t(percent > 0 ? "monitor.speed_faster" : "monitor.speed_slower", {
    n: figure(Math.abs(percent), 1),
  });
}

/** @param {number} semitones @returns {string} */
export function pitch(semitones) {
  if (Math.abs(semitones) < 0.05) return t("monitor.pitch_same");
  return t(semitones > 0 ? "monitor.pitch_higher" : "monitor.pitch_lower", {
    n: figure(Math.abs(semitones), 1),
  });
}

/** @param {{start_s: number, end_s: number}} span @returns {string} */
export function range(span) {
  return `${clock(span.start_s)}–${clock(span.end_s)}`;
}

/** @param {string} action @returns {string} a look */
export function lookOf(action) {
  return { block: "bad", review: "warm", allow: "accent" }[action] ?? "";
}

/**
 * The beginning of a day, here.
 * @param {string} day `2026-11-23`, or nothing
 * @param {number} [days] later
 * @returns {number|null} seconds since 1970
 */
export function dayBegins(day, days = 0) {
  const parts = /^(\d{4,6})-(\d\d)-(\d\d)$/.exec(day);
  if (!parts) return null;
  const [, year, month, date] = parts.map(Number);
  return Math.max(0, new Date(year, month - 1, date + days).getTime() / 1000);
}
