/** The whole track, small, with the part that was heard: press it to play from there. */

import { getJson, trackPath, withQuery } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { colour } from "../core/theme.js";
import { clock, titleOf } from "../core/words.js";
import { play } from "../shell/player.js";
import { canvasOf } from "./canvas.js";

const HEIGHT = 44;

/** @param {any} match */
export function whereabouts(match) {
  const place = h("div", { class: "whereabouts" });
  const first = match.segments[0]?.reference;
  if (!first || match.evidence.written) return place; // a score has no sound to draw
  getJson(withQuery(trackPath(match.track.id, "/waveform"), { points: 240 }))
    .then((wave) => {
      const { canvas, pen } = canvasOf(HEIGHT, () => draw());
      const draw = () => {
        const { width, to } = pen();
        if (to) paint(to, width, wave, match);
      };
      place.append(
        h(
          "button",
          {
            type: "button",
            class: "button",
            "aria-label": () =>
              t("row.play_at", { title: titleOf(match.track), at: clock(first.start_s) }),
            onclick: () => play(match.track, first.start_s),
          },
          icon("play"),
          h("span", { class: "number" }, () => t("result.from", { at: clock(first.start_s) })),
        ),
        h(
          "div",
          {
            class: "grow timeline",
            onclick: (/** @type {MouseEvent} */ event) => {
              const at = canvas.getBoundingClientRect();
              play(match.track, ((event.clientX - at.left) / at.width) * wave.duration_s);
            },
          },
          canvas,
        ),
      );
    })
    .catch(() => {}); // without it the card only says less
  return place;
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {number} width
 * @param {any} wave
 * @param {any} match
 */
function paint(to, width, wave, match) {
  const top = Math.max(
    0.05,
    ...wave.peaks.map((/** @type {[number, number]} */ [low, high]) => Math.max(-low, high)),
  );
  const x = (/** @type {number} */ at_s) => (at_s / wave.duration_s) * width;
  const spans = match.segments.map((/** @type {any} */ s) => s.reference);
  to.clearRect(0, 0, width, HEIGHT);
  to.fillStyle = colour("--warm-soft");
  for (const { start_s, end_s } of spans) {
    to.beginPath();
    to.roundRect(x(start_s), 0, Math.max(4, x(end_s) - x(start_s)), HEIGHT, 6);
    to.fill();
  }
  const count = Math.floor(width / 4);
  for (let i = 0; i < count; i += 1) {
    const peak = wave.peaks[Math.floor((i * wave.peaks.length) / count)];
    const at_s = ((i + 0.5) / count) * wave.duration_s;
    const inside = spans.some((/** @type {any} */ s) => at_s >= s.start_s && at_s <= s.end_s);
    const tall = Math.max(2, (Math.max(-peak[0], peak[1]) / top) * (HEIGHT - 12));
    to.fillStyle = colour(inside ? "--warm" : "--line-strong");
    to.globalAlpha = inside ? 1 : 0.55;
    to.beginPath();
    to.roundRect((i * width) / count, (HEIGHT - tall) / 2, 2.2, tall, 1.1);
    to.fill();
  }
  to.globalAlpha = 1;
}
