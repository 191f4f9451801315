/** What the reader's key allows, and what to do where it does not. */

import { ApiError, getJson } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { has, t } from "../core/i18n.js";
import { trouble } from "../core/words.js";

/** @typedef {"read"|"write"|"admin"} Scope */

let facts = { scopes: /** @type {string[]} */ ([]), needs_key: false };

/** Ask the service what this reader may. @returns {Promise<void>} */
export async function look() {
  facts = await getJson("/v1");
}

/** @param {Scope} scope @returns {boolean} */
export function may(scope) {
  return facts.scopes.includes(scope);
}

/** @returns {boolean} whether who decides is told by a key */
export function named() {
  return facts.needs_key;
}

/** @param {string} line of the program @returns {HTMLElement} */
export function command(line) {
  return h("code", { class: "command" }, line);
}

/**
 * Which scope is missing, and how to get a key that has it.
 * @param {Scope} scope
 */
export function lacking(scope) {
  return h(
    "div",
    { class: "lacking", "data-lacks": scope },
    icon("key"),
    h(
      "div",
      { class: "grow" },
      h("p", {}, () => t(`monitor.lacks_${scope}`)),
      command(`earmark keys add NAME --scope ${scope}`),
    ),
  );
}

/**
 * What went wrong; a key that does not allow it says which one would.
 * @param {unknown} error
 * @param {Scope} scope that was needed
 */
export function problem(error, scope) {
  if (error instanceof ApiError && error.status === 403 && !may(scope)) return lacking(scope);
  return h("p", { class: "problem", role: "alert" }, () => wrong(error));
}

/** @param {unknown} error @returns {string} the service's own words where there are no better */
export function wrong(error) {
  const own = error instanceof ApiError && ["invalid_request", "usage"].includes(error.code);
  const plain = error instanceof ApiError && !has(`error.${error.code}`);
  return (own || plain) && /** @type {any} */ (error).detail
    ? /** @type {any} */ (error).detail
    : trouble(error);
}

/**
 * A list that is empty, and what fills it.
 * @param {string} picture
 * @param {() => string} words
 * @param {string} [line] of the program
 */
export function empty(picture, words, line = "") {
  return h(
    "div",
    { class: "empty" },
    icon(picture),
    h("p", {}, words),
    line ? command(line) : null,
  );
}
