/** Two waveforms, one's own above the match's, time under time. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { colour } from "../core/theme.js";
import { clock } from "../core/words.js";
import { canvasOf, playable } from "./canvas.js";

const HEIGHT = 164;
const GAP = 10;
const NAMES = { own: () => t("mine"), theirs: () => t("compare.match") };

/**
 * @param {[number, number][]} own peaks over the whole stretch
 * @param {any} theirs the service's waveform of the part that the match has
 * @param {ReturnType<typeof import("./compare.js").stretch>} span
 * @param {any} match
 * @param {import("../sound/deck.js").Deck} deck
 * @param {{own: () => string, theirs: () => string}} [names] what the two are called
 */
export function wavesPicture(own, theirs, span, match, deck, names = NAMES) {
  const { canvas, pen } = canvasOf(HEIGHT, () => draw());
  const length_s = span.end_s - span.start_s;
  const node = h(
    "figure",
    { class: "picture" },
    h(
      "figcaption",
      { class: "row picture-words" },
      h("span", { class: "dot accent" }),
      h("span", {}, names.own),
      h("span", { class: "dot warm" }),
      h("span", { class: "grow clip" }, names.theirs),
      h(
        "span",
        { class: "number muted" },
        `${clock(span.there(span.start_s))}–${clock(span.there(span.end_s))}`,
      ),
    ),
    playable(
      canvas,
      deck,
      () => t("compare.seek"),
      () => draw(),
    ),
  );

  /** @param {number} at_s in the query's time @param {number} width */
  const x = (at_s, width) => ((at_s - span.start_s) / length_s) * width;

  function draw() {
    const { width, to } = pen();
    if (!to) return;
    const row = (HEIGHT - GAP) / 2;
    to.clearRect(0, 0, width, HEIGHT);
    for (const { query } of match.segments) {
      const [left, right] = [
        Math.max(0, x(query.start_s, width)),
        Math.min(width, x(query.end_s, width)),
      ];
      if (right <= left) continue;
      to.fillStyle = colour("--accent-soft");
      box(to, left, 0, right - left, row);
      to.fillStyle = colour("--warm-soft");
      box(to, left, row + GAP, right - left, row);
    }
    const inside = (/** @type {number} */ at_s) =>
      match.segments.some(
        (/** @type {any} */ s) => at_s >= s.query.start_s && at_s <= s.query.end_s,
      );
    bars(to, own, span.start_s, span.end_s, row / 2, row, colour("--accent"), inside, width);
    const back = (/** @type {number} */ at_s) =>
      span.query.start_s + (at_s - span.reference.start_s) / span.ratio;
    bars(
      to,
      theirs.peaks,
      back(theirs.start_s),
      back(theirs.end_s),
      row * 1.5 + GAP,
      row,
      colour("--warm"),
      inside,
      width,
    );
    const at = x(deck.now_s, width);
    to.fillStyle = colour("--ink");
    to.fillRect(Math.min(width - 2, Math.max(0, at - 1)), 0, 2, HEIGHT);
  }

  /**
   * @param {CanvasRenderingContext2D} to @param {[number, number][]} heights
   * @param {number} start_s @param {number} end_s @param {number} middle @param {number} room
   * @param {string} ink @param {(at_s: number) => boolean} inside @param {number} width
   */
  function bars(to, heights, start_s, end_s, middle, room, ink, inside, width) {
    const top = Math.max(0.05, ...heights.map(([low, high]) => Math.max(-low, high)));
    const [left, right] = [x(start_s, width), x(end_s, width)];
    const count = Math.max(1, Math.floor((right - left) / 4));
    to.fillStyle = ink;
    for (let i = 0; i < count; i += 1) {
      const from = Math.floor((i * heights.length) / count);
      const until = Math.max(from + 1, Math.floor(((i + 1) * heights.length) / count));
      let height = 0;
      for (let k = from; k < until && k < heights.length; k += 1)
        height = Math.max(height, -heights[k][0], heights[k][1]);
      const tall = Math.max(2, (height / top) * (room - 14));
      to.globalAlpha = inside(start_s + ((i + 0.5) / count) * (end_s - start_s)) ? 1 : 0.35;
      box(to, left + (i * (right - left)) / count, middle - tall / 2, 2.4, tall, 1.2);
    }
    to.globalAlpha = 1;
  }
  return { node, draw };
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 * @param {number} [radius]
 */
function box(to, left, top, width, height, radius = 10) {
  to.beginPath();
  to.roundRect(left, top, width, height, radius);
  to.fill();
}
