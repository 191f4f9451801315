/** Words in the reader's language: `navigator.language` unless the switch said otherwise. */

import { rebind } from "./dom.js";
import { recall, remember } from "./memory.js";
import en from "../i18n/en.js";
import zh from "../i18n/zh.js";

/** @typedef {"en"|"zh"} Language */

/** @type {Record<Language, Record<string, string|{one: string, other: string}>>} */
const BOOKS = { en, zh };

/** @type {Language} */
let language = "en";
/** @type {Intl.PluralRules} */
let plural = new Intl.PluralRules("en");

/** Choose the language of this visit. */
export function begin() {
  const said = recall("language");
  const browser = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  use(said === "zh" || said === "en" ? said : browser);
  rebind(); // what was made before this was known
}

/** @param {Language} next */
function use(next) {
  language = next;
  plural = new Intl.PluralRules(next);
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
}

/**
 * Speak another language from now on; everything that is shown changes.
 * @param {Language} next
 */
export function speak(next) {
  remember("language", next);
  use(next);
  rebind();
  document.dispatchEvent(new CustomEvent("earmark:look"));
}

/** @returns {Language} */
export function spoken() {
  return language;
}

/**
 * The words behind a key, with `{name}` filled in; `n` chooses between one and other.
 * @param {string} key
 * @param {Record<string, string|number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const entry = BOOKS[language][key] ?? BOOKS.en[key] ?? key;
  const words =
    typeof entry === "string"
      ? entry
      : entry[plural.select(Number(values.n)) === "one" ? "one" : "other"];
  return words.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** @param {string} key @returns {boolean} whether there are words behind it */
export function has(key) {
  return key in BOOKS[language];
}
