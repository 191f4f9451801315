/** Confirm, reject, unsure: with a note, and with who said so where no key tells. */

import { getJson } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { recall, remember } from "../core/memory.js";
import { field } from "./filters.js";
import { lacking, may, named } from "./may.js";

export const RULINGS = /** @type {const} */ ([
  { ruling: "confirm", key: "y", icon: "check" },
  { ruling: "reject", key: "n", icon: "close" },
  { ruling: "unsure", key: "u", icon: "info" },
]);

/**
 * The buttons and the note; they stay while detections come and go, and so does the focus.
 * @param {(ruling: string) => void} decide
 * @returns {{node: HTMLElement, note: () => string, clear: () => void, enter: () => void}}
 */
export function decisions(decide) {
  const note = h("input", {
    class: "input",
    id: "review-note",
    maxlength: "1000",
    autocomplete: "off",
    placeholder: () => t("review.note_hint"),
  });
  const by = h("input", {
    class: "input",
    id: "review-by",
    maxlength: "100",
    autocomplete: "name",
    onchange: () => remember("reviewer", by.value.trim() || null),
  });
  by.value = recall("reviewer") ?? "";
  const buttons = RULINGS.map(({ ruling, key, icon: picture }) =>
    h(
      "button",
      {
        type: "button",
        class: `button ${ruling}`,
        "data-ruling": ruling,
        "aria-keyshortcuts": key.toUpperCase(),
        onclick: () => decide(ruling),
      },
      icon(picture),
      h("span", {}, () => t(`review.${ruling}`)),
      h("kbd", { "aria-hidden": "true" }, key.toUpperCase()),
    ),
  );
  const who = field(by, () => t("review.by"));
  const may_write = h(
    "div",
    { class: "form" },
    h("div", { class: "row wrap rulings" }, ...buttons),
    h(
      "div",
      { class: "note-row" },
      field(note, () => t("review.note")),
      who,
    ),
  );
  const node = h("div", { class: "decide" });
  return {
    node,
    note: () => note.value.trim(),
    clear() {
      note.value = "";
    },
    enter() {
      who.hidden = named();
      const part = may("write") ? may_write : lacking("write");
      if (node.firstChild !== part) node.replaceChildren(part);
    },
  };
}

/**
 * @param {any} entry @param {string} ruling @param {string} note
 * @returns {Promise<any>} the entry as it is now
 */
export function send(entry, ruling, note) {
  const by = named() ? null : recall("reviewer");
  return getJson(`/v1/detections/${encodeURIComponent(entry.id)}/decision`, {
    method: "POST",
    json: { ruling, note, ...(by ? { by } : {}) },
  });
}
