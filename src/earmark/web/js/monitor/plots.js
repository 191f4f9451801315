/** Small plots of sums, with the same numbers in a table beside. */

import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { hueOf, s } from "../core/svg.js";
import { clock, figure } from "../core/words.js";

/** @typedef {{key: string, label: string, count: number, played_s: number}} Total */
/** @typedef {"played_s"|"count"} Measure */

const TALL = 120;
const STEPS = { day: 86_400_000, hour: 3_600_000 };
const FEW = 14; // fewer columns than this do not fill the width
const MOST = 1000; // of days or hours, empty ones too

/** @param {Total} one @param {Measure} measure @returns {string} */
const said = (one, measure) => (measure === "count" ? figure(one.count) : clock(one.played_s));

/**
 * Longest first, a bar for each: the table is the plot.
 * @param {Total[]} totals
 * @param {Measure} measure
 * @param {() => string} caption
 * @param {() => string} what the column of names is called
 */
export function bars(totals, measure, caption, what) {
  const most = Math.max(1e-9, ...totals.map((one) => one[measure]));
  return table(caption, what, totals, (one) => {
    const drawing = s("svg", {
      class: "bar-plot",
      viewBox: "0 0 100 10",
      preserveAspectRatio: "none",
      "aria-hidden": true,
    });
    const width = Math.max(0.5, (100 * one[measure]) / most);
    const place = { x: 0, y: 1, height: 8, width };
    drawing.append(s("rect", { ...place, class: "hit", hue: hueOf(one.key) }));
    return drawing;
  });
}

/**
 * Days or hours in a row, empty ones too: as columns, or as a line.
 * @param {Total[]} totals @param {"day"|"hour"} by @param {Measure} measure
 * @param {() => string} caption @param {() => string} what
 */
export function course(totals, by, measure, caption, what) {
  const all = filled(totals, by);
  const most = Math.max(1e-9, ...all.map((one) => one[measure]));
  const high = (/** @type {Total} */ one) => (one[measure] / most) * (TALL - 4);
  const drawing = s("svg", {
    class: "course",
    viewBox: `0 0 ${Math.max(FEW, all.length)} ${TALL}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": caption(),
  });
  if (by === "hour" && all.length > 1) {
    const points = all.map((one, i) => `${i + 0.5},${TALL - high(one)}`);
    const under = `0.5,${TALL} ${points.join(" ")} ${all.length - 0.5},${TALL}`;
    drawing.append(
      s("polygon", { points: under, class: "under" }),
      s("polyline", {
        points: points.join(" "),
        class: "line",
        "vector-effect": "non-scaling-stroke",
      }),
    );
  } else {
    all.forEach((one, i) => {
      const place = { x: i + 0.1, y: TALL - high(one), width: 0.8, height: high(one) };
      const words = s("title", {}, `${one.label}: ${said(one, measure)}`);
      drawing.append(s("rect", { ...place, class: "column" }, words));
    });
  }
  const ends = [all[0], all.at(-1)].filter(Boolean).map((one) => /** @type {Total} */ (one).label);
  return h(
    "figure",
    { class: "plot" },
    h("p", { class: "small muted number axis-top", "aria-hidden": "true" }, () =>
      measure === "count" ? figure(most) : clock(most),
    ),
    drawing,
    h(
      "div",
      {
        class: `axis small muted number${all.length < FEW ? " few" : ""}`,
        "aria-hidden": "true",
      },
      ...[...new Set(ends)].map((words) => h("span", {}, words)),
    ),
    h(
      "details",
      { class: "more" },
      h(
        "summary",
        {},
        icon("down"),
        h("span", {}, () => t("played.as_table")),
      ),
      table(caption, what, totals, null),
    ),
  );
}

/** @param {Total[]} totals @param {"day"|"hour"} by @returns {Total[]} */
function filled(totals, by) {
  if (!totals.length) return [];
  const when = (/** @type {Total} */ one) =>
    Date.parse(by === "day" ? `${one.key}T00:00Z` : `${one.key}:00Z`);
  const there = new Map(totals.map((one) => [when(one), one]));
  const last = when(/** @type {Total} */ (totals.at(-1)));
  const from = Math.max(when(totals[0]), last - (MOST - 1) * STEPS[by]);
  const all = [];
  for (let at = from; at <= last; at += STEPS[by]) {
    const [day, time] = new Date(at).toISOString().split("T");
    const label = by === "day" ? day : `${day} ${time.slice(0, 2)}:00`;
    all.push(there.get(at) ?? { key: label, label, count: 0, played_s: 0 });
  }
  return all;
}

/**
 * @param {() => string} caption @param {() => string} what @param {Total[]} totals
 * @param {((one: Total) => Node)|null} draw
 */
function table(caption, what, totals, draw) {
  const head = (/** @type {() => string} */ words, look = "") =>
    h("th", { scope: "col", class: look }, words);
  return h(
    "div",
    { class: "table-room", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "table" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head(what),
          draw && h("td", { "aria-hidden": "true" }),
          head(() => t("played.count"), "right"),
          head(() => t("played.length"), "right"),
        ),
      ),
      h(
        "tbody",
        {},
        ...totals.map((one) =>
          h(
            "tr",
            { "data-key": one.key },
            h("th", { scope: "row", class: "name" }, one.label || one.key),
            draw && h("td", { class: "bar-room", "aria-hidden": "true" }, draw(one)),
            h("td", { class: "number right", "data-count": one.count }, () => figure(one.count)),
            h("td", { class: "number right", "data-played": one.played_s }, clock(one.played_s)),
          ),
        ),
      ),
    ),
  );
}
