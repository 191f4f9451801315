/** Rules and webhooks: what is to happen with detections, and who is told of them. */

import { call, getJson } from "../core/api.js";
import { h, iconButton } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { show } from "../core/say.js";
import { clock, figure } from "../core/words.js";
import { lookOf } from "./figures.js";
import { field } from "./filters.js";
import { empty, lacking, may, problem, wrong } from "./may.js";
import * as webhooks from "./webhooks.js";

const list = h("ul", { class: "list", id: "rules", "aria-label": () => t("rules.name") });
const note = h("div", {});
const foot = h("div", {});
const hooks = h("div", {});
const page = h(
  "div",
  { class: "rules" },
  h("h2", {}, () => t("rules.name")),
  h("p", { class: "muted" }, () => t("rules.about")),
  list,
  note,
  foot,
  hooks,
);

/** @returns {HTMLElement} */
export function view() {
  return page;
}

export async function entered() {
  const admin = may("admin");
  if (!admin) foot.replaceChildren(lacking("admin"));
  else if (!foot.querySelector("form")) foot.replaceChildren(form());
  hooks.replaceChildren(...(admin ? [webhooks.view()] : []));
  if (admin) webhooks.entered();
  await read();
}

export function left() {}

async function read() {
  try {
    const { rules } = await getJson("/v1/rules");
    list.replaceChildren(...rules.map(row));
    note.replaceChildren(
      ...(rules.length
        ? []
        : [empty("settings", () => t("rules.empty"), "earmark rules add block --tag catalogue")]),
    );
  } catch (error) {
    note.replaceChildren(problem(error, "read"));
  }
}

/** @param {any} rule @returns {string} whose detections are its */
function whose(rule) {
  if (rule.track_id) return t("rules.of_track", { id: rule.track_id });
  return rule.tag ? t("rules.of_tag", { tag: rule.tag }) : t("rules.of_any");
}

/** @param {any} rule */
function row(rule) {
  const bounds = () =>
    [
      rule.least_s ? t("rules.at_least", { length: clock(rule.least_s) }) : "",
      rule.least_confidence
        ? t("rules.as_sure", { n: figure(rule.least_confidence * 100, 1) })
        : "",
      rule.note,
    ]
      .filter(Boolean)
      .join(" · ");
  return h(
    "li",
    { class: "list-row", "data-rule": rule.id },
    h("span", { class: `chip ${lookOf(rule.action)}` }, () => t(`action.${rule.action}`)),
    h(
      "div",
      { class: "grow" },
      h("p", { class: "row-title" }, () => whose(rule)),
      h("p", { class: "small muted" }, bounds),
    ),
    may("admin") &&
      iconButton(
        "delete",
        () => t("rules.remove", { whose: whose(rule) }),
        () => remove(rule.id),
      ),
  );
}

/** @param {string} id */
async function remove(id) {
  try {
    await call(`/v1/rules/${encodeURIComponent(id)}`, { method: "DELETE" });
    await read();
    document.getElementById("rule-action")?.focus();
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}

function form() {
  const action = h(
    "select",
    { class: "input", id: "rule-action" },
    ...["block", "review", "allow"].map((value) =>
      h("option", { value }, () => t(`action.${value}`)),
    ),
  );
  const text = (/** @type {string} */ id, more = {}) =>
    h("input", { class: "input", id, autocomplete: "off", ...more });
  const tag = text("rule-tag", { maxlength: "200" });
  const track = text("rule-track", { maxlength: "500", spellcheck: "false" });
  const least_s = text("rule-least", { type: "number", min: "0", max: "86400", step: "any" });
  const sure = text("rule-sure", { type: "number", min: "0", max: "100", step: "any" });
  const words = text("rule-note", { maxlength: "1000" });
  const trouble = h("div", {});
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    trouble.replaceChildren();
    try {
      const rule = {
        action: action.value,
        track_id: track.value.trim() || null,
        tag: tag.value.trim() || null,
        least_s: Number(least_s.value || 0),
        least_confidence: Number(sure.value || 0) / 100,
        note: words.value.trim(),
      };
      await getJson("/v1/rules", { method: "POST", json: rule });
      for (const input of [tag, track, least_s, sure, words]) input.value = "";
      await read();
      action.focus();
    } catch (error) {
      trouble.replaceChildren(problem(error, "admin"));
    }
  };
  return h(
    "form",
    { class: "card add-form", id: "rule-form", onsubmit: send },
    h("h3", {}, () => t("rules.new")),
    h(
      "div",
      { class: "fields" },
      field(action, () => t("review.action")),
      field(tag, () => t("rules.tag")),
      field(track, () => t("rules.track")),
      field(least_s, () => t("rules.least_s")),
      field(sure, () => t("rules.least_confidence")),
      field(words, () => t("review.note")),
      h("button", { type: "submit", class: "button primary" }, () => t("rules.add")),
    ),
    trouble,
  );
}
