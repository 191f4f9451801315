/** Which detections the queue shows. */

import { getJson } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { dayBegins } from "./figures.js";

const WAIT_MS = 250;
const ACTIONS = ["", "block", "review", "allow"];
const RULINGS = ["none", "unsure", "confirm", "reject", ""];

/**
 * @param {(wanted: import("./queue.js").Wanted) => void} changed
 * @returns {{node: HTMLElement, stations: () => Promise<void>}}
 */
export function filters(changed) {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let typing;
  const tell = () =>
    changed({
      station: station.value,
      action: action.value,
      ruling: ruling.value,
      text: text.value.trim(),
      since: dayBegins(since.value),
    });
  const station = h("select", { class: "input", id: "filter-station", onchange: tell }, all());
  const action = choice("action", ACTIONS, (one) => t(`action.${one || "any"}`), tell);
  const ruling = choice("ruling", RULINGS, (one) => t(`ruling.${one || "any"}`), tell);
  const text = h("input", {
    class: "input",
    id: "filter-text",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(tell, WAIT_MS);
    },
  });
  const since = h("input", { class: "input", id: "filter-since", type: "date", onchange: tell });
  const node = h(
    "form",
    {
      class: "filters",
      role: "search",
      "aria-label": () => t("review.filters"),
      onsubmit: (/** @type {Event} */ event) => event.preventDefault(),
    },
    field(ruling, () => t("review.ruling")),
    field(action, () => t("review.action")),
    field(station, () => t("review.station")),
    field(text, () => t("review.text")),
    field(since, () => t("review.since")),
  );
  return {
    node,
    async stations() {
      const { totals } = await getJson("/v1/detections/totals?by=station&limit=500");
      const held = station.value;
      station.replaceChildren(
        all(),
        ...totals.map((/** @type {any} */ one) => h("option", { value: one.key }, one.label)),
      );
      station.value = totals.some((/** @type {any} */ one) => one.key === held) ? held : "";
    },
  };
}

const all = () => h("option", { value: "" }, () => t("review.any_station"));

/** @param {any} input @param {() => string} label */
export function field(input, label) {
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input);
}

/**
 * @param {string} name @param {string[]} values
 * @param {(value: string) => string} words @param {() => void} tell
 */
function choice(name, values, words, tell) {
  return h(
    "select",
    { class: "input", id: `filter-${name}`, onchange: tell },
    ...values.map((value) => h("option", { value }, () => words(value))),
  );
}
