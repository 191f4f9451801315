/** An address to tell of events. */

import { getJson } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { field } from "./filters.js";
import { problem } from "./may.js";

const EVENTS = ["detection.opened", "detection.closed", "detection.decided"];
const MORE = ["stream.live", "stream.down", "stream.ended", "stream.stopped", "stream.failed"];
const SCANS = ["scan.done", "scan.stopped", "scan.failed"];

/** @param {(hook: any) => void} made @returns {HTMLElement} */
export function webhookForm(made) {
  const url = h("input", {
    class: "input",
    id: "hook-url",
    type: "url",
    required: true,
    maxlength: "4000",
    autocomplete: "off",
    placeholder: "https://example.org/earmark",
  });
  const events = ticks("hooks.events", [...EVENTS, ...MORE, ...SCANS], (one) => one);
  const actions = ticks("hooks.actions", ["block", "review", "allow"], (one) => t(`action.${one}`));
  const note = h("input", { class: "input", id: "hook-note", maxlength: "1000" });
  const trouble = h("div", {});
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    trouble.replaceChildren();
    try {
      const asked = {
        url: url.value.trim(),
        events: events.chosen(),
        actions: actions.chosen(),
        note: note.value.trim(),
      };
      const hook = await getJson("/v1/webhooks", { method: "POST", json: asked });
      form.reset();
      made(hook);
    } catch (error) {
      trouble.replaceChildren(problem(error, "admin"));
    }
  };
  const form = h(
    "form",
    { class: "card add-form", id: "webhook-form", onsubmit: send },
    h("h3", {}, () => t("hooks.new")),
    h(
      "div",
      { class: "fields" },
      field(url, () => t("hooks.url")),
      field(note, () => t("review.note")),
    ),
    events.node,
    actions.node,
    h("button", { type: "submit", class: "button primary" }, () => t("hooks.add")),
    trouble,
  );
  return form;
}

/** @param {string} name @param {string[]} values @param {(value: string) => string} words */
function ticks(name, values, words) {
  const boxes = values.map((value) => h("input", { type: "checkbox", "data-value": value }));
  const node = h(
    "fieldset",
    { class: "ticks" },
    h("legend", { class: "small" }, () => t(name)),
    ...boxes.map((box) =>
      h(
        "label",
        { class: "check small" },
        box,
        h("span", {}, () => words(box.dataset.value)),
      ),
    ),
  );
  return {
    node,
    chosen: () => boxes.filter((box) => box.checked).map((box) => box.dataset.value),
  };
}
