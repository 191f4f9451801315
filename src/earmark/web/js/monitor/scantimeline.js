/** A scan drawn as a timeline: tracks in their colours, gaps by kind, repeats below. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { hueOf, s } from "../core/svg.js";
import { clock } from "../core/words.js";
import { called, range } from "./figures.js";

const TALL = 56;
const BAND = 40;
const LONGEST_ROW_S = 1800; // a row is at most half an hour, so that a song can be seen
const MOST_ROWS = 48;
const KINDS = ["music", "speech", "silence", "other"];

/**
 * @param {any} timeline
 * @param {(span: {key: string, start_s: number, end_s: number, detection?: string}) => void} play
 * @returns {HTMLElement}
 */
export function drawn(timeline, play) {
  const whole_s = Math.max(timeline.duration_s, 0.001);
  const count = Math.min(MOST_ROWS, Math.max(1, Math.ceil(whole_s / LONGEST_ROW_S)));
  const row_s = whole_s / count;
  const rows = Array.from({ length: count }, (_, i) =>
    row(timeline, i * row_s, (i + 1) * row_s, play),
  );
  return h("div", { class: "scan-rows" }, ...rows, legend(timeline));
}

/** @param {any} timeline @param {number} from_s @param {number} until_s @param {any} play */
function row(timeline, from_s, until_s, play) {
  const length_s = until_s - from_s;
  const least = length_s / 500;
  /**
   * @param {{start_s: number, end_s: number}} span @param {string} look @param {string} words
   * @param {Record<string, any>} [more] @param {any} [asked]
   */
  const bar = (span, look, words, more = {}, asked = null) => {
    const x = Math.max(0, span.start_s - from_s);
    const width = Math.max(least, Math.min(length_s, span.end_s - from_s) - x);
    if (span.end_s <= from_s || span.start_s >= until_s) return null;
    const place = { x, width, y: 2, height: BAND - 2 };
    const shape = s("rect", { ...place, class: look, ...more }, s("title", {}, words));
    if (asked) shape.addEventListener("click", () => play(asked));
    return shape;
  };
  const own = timeline.repeats.flatMap((/** @type {any} */ repeat) =>
    repeat.plays
      .filter((/** @type {any} */ one) => one.source === timeline.input)
      .map((/** @type {any} */ one) => ({ ...one, id: repeat.id })),
  );
  const drawing = s(
    "svg",
    {
      viewBox: `0 0 ${length_s} ${TALL}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": t("scan.row", { from: clock(from_s), until: clock(until_s) }),
    },
    s("rect", { x: 0, y: 2, width: length_s, height: BAND - 2, class: "lane-ground" }),
    ...timeline.gaps.map((/** @type {any} */ gap) => {
      const words = `${range(gap)} ${t(`gap.${gap.kind}`)}`;
      return bar(gap, `gap ${gap.kind}`, words, { "data-gap": gap.kind }, gapAsked(gap));
    }),
    ...timeline.outages.map((/** @type {any} */ one) =>
      bar(one, "outage", `${range(one)} ${t("gap.outage")}`),
    ),
    ...timeline.detections.flatMap((/** @type {any} */ one) =>
      one.pieces.map((/** @type {any} */ piece) =>
        bar(
          piece.query,
          `hit${one.second_opinion ? " second" : ""}`,
          `${range(piece.query)} ${called(one.track)}`,
          { hue: hueOf(one.track.id), "data-detection": one.id },
          hitAsked(one),
        ),
      ),
    ),
    ...own.map((/** @type {any} */ one) =>
      bar(one, "repeat", `${range(one)} ${t("scan.repeat")}`, {
        y: BAND + 4,
        height: 8,
        "data-repeat": one.id,
      }),
    ),
  );
  return h(
    "div",
    { class: "lane" },
    drawing,
    h(
      "div",
      { class: "axis small muted number", "aria-hidden": "true" },
      ...[0, 0.25, 0.5, 0.75, 1].map((part) => h("span", {}, clock(from_s + part * length_s))),
    ),
  );
}

/** @param {any} one */
export function hitAsked(one) {
  return { key: one.id, start_s: one.start_s, end_s: one.end_s, detection: one.id };
}

/** @param {any} gap */
export function gapAsked(gap) {
  return { key: `gap ${gap.start_s}`, start_s: gap.start_s, end_s: gap.end_s };
}

/** @param {any} timeline */
function legend(timeline) {
  const there = KINDS.filter((kind) =>
    timeline.gaps.some((/** @type {any} */ gap) => gap.kind === kind),
  );
  const marks = [
    ...there.map((kind) => ({ look: `gap ${kind}`, words: () => t(`gap.${kind}`) })),
    ...(timeline.repeats.length ? [{ look: "repeat", words: () => t("scan.repeat") }] : []),
    ...(timeline.outages.length ? [{ look: "outage", words: () => t("gap.outage") }] : []),
  ];
  return h(
    "ul",
    { class: "legend small muted" },
    ...marks.map(({ look, words }) => {
      const swatch = s("svg", { viewBox: "0 0 16 16", "aria-hidden": true });
      swatch.append(s("rect", { x: 1, y: 1, width: 14, height: 14, class: look }));
      return h("li", {}, swatch, h("span", {}, words));
    }),
  );
}
