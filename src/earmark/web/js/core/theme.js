/** Light, dark, or as the system is. */

import { recall, remember } from "./memory.js";

/** @typedef {"auto"|"light"|"dark"} Theme */

/** @returns {Theme} */
export function theme() {
  const said = recall("theme");
  return said === "light" || said === "dark" ? said : "auto";
}

/** @param {Theme} next */
export function wear(next) {
  remember("theme", next === "auto" ? null : next);
  begin();
}

/** Put the chosen theme on the page. */
export function begin() {
  const said = theme();
  if (said === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = said;
  const meta = document.querySelector('meta[name="theme-color"]');
  meta?.setAttribute("content", colour("--bg"));
  document.dispatchEvent(new CustomEvent("earmark:look"));
}

/** Follow the system when it changes. */
export function follow() {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", begin);
}

/** @param {string} name of a CSS variable @returns {string} */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @returns {boolean} whether the reader asked for less movement */
export function still() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
