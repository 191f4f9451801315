/** What was sung, drawn over the tune: both as lines of pitch in the query's time. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { colour } from "../core/theme.js";
import { figure } from "../core/words.js";
import { canvasOf, playable } from "./canvas.js";

const HEIGHT = 220;
const NOTES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

/** @param {number} note @returns {boolean} a white key */
const isPlain = (note) => !NOTES[((note % 12) + 12) % 12].includes("♯");

/**
 * @param {{times_s: number[], sung_semitones: (number|null)[], tune_semitones: (number|null)[]}} contours
 * @param {any} match
 * @param {import("../sound/deck.js").Deck} deck
 */
export function pitchPicture(contours, match, deck) {
  const { canvas, pen } = canvasOf(HEIGHT, () => draw());
  const { times_s, tune_semitones } = contours;
  const sung = contours.sung_semitones.map((value) =>
    value === null ? null : value - match.pitch_shift_semitones,
  );
  const heard = [...sung, ...tune_semitones]
    .filter((value) => value !== null)
    .sort((a, b) => Number(a) - Number(b));
  const low = Math.floor(Number(heard[Math.floor(heard.length * 0.02)])) - 2;
  const high = Math.ceil(Number(heard[Math.ceil(heard.length * 0.98) - 1])) + 2;
  const shift = match.pitch_shift_semitones;
  const node = h(
    "figure",
    { class: "picture" },
    h(
      "figcaption",
      { class: "row picture-words" },
      h("span", { class: "dot accent" }),
      h("span", {}, () => t("pitch.sung")),
      h("span", { class: "dot warm" }),
      h("span", { class: "grow" }, () => t("pitch.tune")),
      h("span", { class: "muted clip" }, () =>
        Math.abs(shift) < 0.5
          ? t("pitch.in_key")
          : t(shift < 0 ? "pitch.lower" : "pitch.higher", { n: figure(Math.abs(shift), 1) }),
      ),
    ),
    playable(
      canvas,
      deck,
      () => t("compare.seek"),
      () => draw(),
    ),
  );
  node.dataset.drawn = "pitch";

  function draw() {
    const { width, to } = pen();
    if (!to) return;
    const x = (/** @type {number} */ at_s) =>
      ((at_s - deck.start_s) / (deck.end_s - deck.start_s)) * width;
    const y = (/** @type {number} */ note) =>
      HEIGHT - 8 - ((note - low) / (high - low)) * (HEIGHT - 16);
    to.clearRect(0, 0, width, HEIGHT);
    grid(to, width, y);
    to.lineCap = "round";
    to.lineJoin = "round";
    to.globalAlpha = 0.85;
    line(to, times_s, tune_semitones, x, y, colour("--warm"), 9, 0.5);
    to.globalAlpha = 1;
    line(to, times_s, sung, x, y, colour("--accent"), 2.6, 99);
    to.fillStyle = colour("--ink");
    to.fillRect(Math.min(width - 2, Math.max(0, x(deck.now_s) - 1)), 0, 2, HEIGHT);
    names(to, width, y);
  }

  /**
   * @param {CanvasRenderingContext2D} to
   * @param {number} width
   * @param {(note: number) => number} y
   */
  function grid(to, width, y) {
    to.fillStyle = colour("--line");
    for (let note = low; note <= high; note += 1) {
      to.globalAlpha = isPlain(note) ? 1 : 0.4;
      to.fillRect(0, Math.round(y(note)), width, 1);
    }
    to.globalAlpha = 1;
  }

  /**
   * Names of notes at the right edge, over everything.
   * @param {CanvasRenderingContext2D} to
   * @param {number} width
   * @param {(note: number) => number} y
   */
  function names(to, width, y) {
    to.font = `11px ${colour("--face")}`;
    to.textBaseline = "middle";
    to.textAlign = "right";
    for (let note = low + 1; note < high; note += 1) {
      const step = ((note % 12) + 12) % 12;
      if (step !== 0 && step !== 7 && (high - low > 14 || !isPlain(note))) continue;
      const name = `${NOTES[step]}${Math.floor(note / 12) - 1}`;
      to.fillStyle = colour("--surface");
      to.fillRect(width - 26, y(note) - 7, 26, 14);
      to.fillStyle = colour("--muted");
      to.fillText(name, width - 2, y(note) + 0.5);
    }
  }
  return { node, draw };
}

/**
 * Draw a line that breaks where nothing sounds, and where it jumps by more than `step`.
 * @param {CanvasRenderingContext2D} to @param {number[]} times_s @param {(number|null)[]} notes
 * @param {(at_s: number) => number} x @param {(note: number) => number} y
 * @param {string} ink @param {number} thick @param {number} step
 */
function line(to, times_s, notes, x, y, ink, thick, step) {
  to.strokeStyle = ink;
  to.lineWidth = thick;
  to.beginPath();
  /** @type {number|null} */
  let before = null;
  notes.forEach((note, i) => {
    if (note === null) before = null;
    else {
      if (before === null || Math.abs(note - before) > step) to.moveTo(x(times_s[i]), y(note));
      else to.lineTo(x(times_s[i]), y(note));
      before = note;
    }
  });
  to.stroke();
}
