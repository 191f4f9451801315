/** What was played, in sums: by track, day, hour and station. */

import { getJson, withQuery } from "../core/api.js";
import { h, icon, segments } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { dayBegins } from "./figures.js";
import { field } from "./filters.js";
import { empty, problem } from "./may.js";
import { bars, course } from "./plots.js";
import { save } from "./saving.js";

const GROUPS = /** @type {const} */ ([
  { by: "track", limit: 20 },
  { by: "day", limit: 400 },
  { by: "hour", limit: 1000 },
  { by: "station", limit: 50 },
]);

/** @type {"played_s"|"count"} */
let measure = "played_s";
let asked = 0;
/** @type {any[][]|null} */
let held = null;

const since = h("input", {
  class: "input",
  type: "date",
  id: "played-since",
  onchange: () => read(),
});
const until = h("input", {
  class: "input",
  type: "date",
  id: "played-until",
  onchange: () => read(),
});
const kept = h(
  "select",
  { class: "input", id: "played-ruling", onchange: () => read() },
  ...["", "confirm", "none"].map((value) =>
    h("option", { value }, () => t(`ruling.${value || "any"}`)),
  ),
);
const plots = h("div", { class: "plots" });
const page = h(
  "div",
  { class: "played" },
  h(
    "form",
    {
      class: "filters",
      "aria-label": () => t("review.filters"),
      onsubmit: (/** @type {Event} */ event) => event.preventDefault(),
    },
    field(since, () => t("played.since")),
    field(until, () => t("played.until")),
    field(kept, () => t("review.ruling")),
    segments(
      () => t("played.measure"),
      [
        { value: "played_s", text: () => t("played.length") },
        { value: "count", text: () => t("played.count") },
      ],
      measure,
      (value) => {
        measure = /** @type {any} */ (value);
        draw();
      },
    ),
    h(
      "button",
      { type: "button", class: "button", id: "played-csv", onclick: csv },
      icon("file"),
      h("span", {}, "CSV"),
    ),
  ),
  plots,
);

/** @returns {HTMLElement} */
export function view() {
  return page;
}

export function entered() {
  read();
}

export function left() {
  asked += 1;
}

/** @returns {Record<string, string|number|null>} */
function wanted() {
  return { since: dayBegins(since.value), until: dayBegins(until.value, 1), ruling: kept.value };
}

async function read() {
  asked += 1;
  const mine = asked;
  try {
    const found = await Promise.all(
      GROUPS.map(({ by, limit }) =>
        getJson(withQuery("/v1/detections/totals", { ...wanted(), by, limit })),
      ),
    );
    if (mine !== asked) return;
    held = found.map((one) => one.totals);
    draw();
  } catch (error) {
    if (mine === asked) plots.replaceChildren(problem(error, "read"));
  }
}

function draw() {
  if (!held) return;
  if (!held[0].length) {
    const any = since.value || until.value || kept.value;
    plots.replaceChildren(
      empty(
        "history",
        () => t(any ? "played.none" : "played.empty"),
        any ? "" : "earmark detections totals --by track",
      ),
    );
    return;
  }
  plots.replaceChildren(
    ...GROUPS.map(({ by }, i) => {
      const caption = () => t(`played.by_${by}`);
      const what = () => t(`played.${by}`);
      const totals = /** @type {any[][]} */ (held)[i];
      return h(
        "section",
        { class: "card plot-card", "data-by": by },
        h("h2", {}, caption),
        by === "day" || by === "hour"
          ? course(totals, by, measure, caption, what)
          : bars(totals, measure, caption, what),
      );
    }),
  );
}

function csv() {
  save(withQuery("/v1/detections", { ...wanted(), form: "csv" }), "detections.csv");
}
