/** One's own recording beside the match: drawn one above the other, played in step. */

import { call, getJson, trackPath, withQuery } from "../core/api.js";
import { h, iconButton, segments, swapIcon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { clock } from "../core/words.js";
import { Deck } from "../sound/deck.js";
import { decoded, peaks } from "../sound/recording.js";
import { stretched } from "../sound/stretch.js";
import { tuneSound } from "../sound/tune.js";
import { pitchPicture } from "./pitch.js";
import { wavesPicture } from "./waves.js";

const LONGEST_S = 55; // an excerpt of the service is at most a minute
const POINTS = 600;

/**
 * The stretch that is compared, in the query's time, and how it maps to the match.
 * @param {any} match
 * @param {number} length_s of the recording
 */
export function stretch(match, length_s) {
  const { query, reference } = match.segments[0];
  const ratio = match.time_ratio || 1;
  const whole = length_s * ratio <= LONGEST_S && length_s <= LONGEST_S;
  const start_s = whole ? 0 : Math.max(0, query.start_s - 2);
  const end_s = whole ? length_s : Math.min(length_s, start_s + LONGEST_S / Math.max(1, ratio));
  const there = (/** @type {number} */ at_s) => reference.start_s + (at_s - query.start_s) * ratio;
  return { start_s, end_s, ratio, query, reference, there };
}

/**
 * @param {any} match
 * @param {any} answer
 * @param {import("../sound/recording.js").Recording} recording
 * @returns {{node: HTMLElement, close: () => void}}
 */
export function comparison(match, answer, recording) {
  const node = h("div", { class: "compare" });
  if (!match.segments.length) return { node, close() {} };
  /** @type {{closed: boolean, deck: Deck|null}} */
  const state = { closed: false, deck: null };
  node.append(h("div", { class: "compare-wait", "aria-busy": "true" }, () => t("compare.loading")));
  load(match, answer, recording)
    .then((loaded) => {
      if (state.closed) return;
      state.deck = loaded.deck;
      node.replaceChildren(...shown(match, loaded));
    })
    .catch(() => node.replaceChildren(h("p", { class: "muted small" }, () => t("compare.none"))));
  return {
    node,
    close() {
      state.closed = true;
      state.deck?.close();
    },
  };
}

/**
 * @param {any} match
 * @param {any} answer
 * @param {import("../sound/recording.js").Recording} recording
 */
async function load(match, answer, recording) {
  const own = await decoded(recording.blob);
  const span = stretch(
    match,
    own?.duration ?? answer.query?.duration_s ?? match.segments[0].query.end_s,
  );
  const contours = match.drawing?.contours ?? null;
  const [theirs, waveform] = await excerpt(match, span);
  const from_s = Math.max(0, span.there(span.start_s));
  const mine = { buffer: own, from_s: 0, speed: 1 };
  let other = inStep(theirs, span, from_s, match.pitch_shift_semitones);
  if (!theirs && contours)
    other = { buffer: tuneSound(contours.times_s, contours.tune_semitones), from_s: 0, speed: 1 };
  return {
    deck: new Deck(mine, other, span.start_s, span.end_s),
    span,
    own,
    waveform,
    contours,
    written: !theirs,
    ownPeaks: own && peaks(own, POINTS, span.start_s, span.end_s),
  };
}

/**
 * The match at the recording's speed. What was only played faster gets higher with it, like the
 * recording did; where the pitch does not tell of that, it keeps its own.
 * @param {AudioBuffer|null} buffer
 * @param {{ratio: number, there: (at_s: number) => number}} span
 * @param {number} from_s
 * @param {number} shift_semitones
 */
export function inStep(buffer, span, from_s, shift_semitones) {
  const offset_s = span.there(0) - from_s;
  const faster = Math.abs(12 * Math.log2(span.ratio) - shift_semitones) < 0.35;
  if (!buffer || faster || Math.abs(span.ratio - 1) < 0.005)
    return { buffer, from_s: offset_s, speed: span.ratio };
  return { buffer: stretched(buffer, span.ratio), from_s: offset_s / span.ratio, speed: 1 };
}

/**
 * @param {any} match
 * @param {ReturnType<typeof stretch>} span
 * @returns {Promise<[AudioBuffer|null, any]>}
 */
async function excerpt(match, span) {
  const length_s = match.track.duration_s;
  const from_s = Math.max(0, span.there(span.start_s));
  const to_s = Math.min(length_s, span.there(span.end_s));
  if (to_s <= from_s || match.evidence.written) return [null, null]; // a score's seconds are not a recording's
  const sound = call(
    withQuery(trackPath(match.track.id, "/audio"), {
      start_s: from_s.toFixed(3),
      duration_s: (to_s - from_s).toFixed(3),
    }),
  )
    .then(async (response) => decoded(await response.blob()))
    .catch(() => null);
  const points = Math.max(
    16,
    Math.round((POINTS * (to_s - from_s)) / (span.there(span.end_s) - span.there(span.start_s))),
  );
  const near = getJson(
    withQuery(trackPath(match.track.id, "/waveform"), {
      points,
      start_s: from_s.toFixed(3),
      end_s: to_s.toFixed(3),
    }),
  ).catch(() => null);
  return Promise.all([sound, near]);
}

/** @param {any} match @param {Awaited<ReturnType<typeof load>>} loaded */
function shown(match, loaded) {
  const { deck, span, contours } = loaded;
  /** @type {Node[]} */
  const parts = [];
  /** @type {{node: HTMLElement, draw: () => void}[]} */
  const pictures = [];
  if (contours && match.kind === "melody") pictures.push(pitchPicture(contours, match, deck));
  if (loaded.ownPeaks && loaded.waveform)
    pictures.push(wavesPicture(loaded.ownPeaks, loaded.waveform, span, match, deck));
  for (const { node } of pictures) parts.push(node);
  const redraw = () => {
    for (const { draw } of pictures) draw();
  };
  parts.push(controls(deck, loaded, redraw));
  return parts;
}

/**
 * @param {Deck} deck
 * @param {Awaited<ReturnType<typeof load>>} loaded
 * @param {() => void} redraw
 */
function controls(deck, loaded, redraw) {
  const { own, written } = loaded;
  const both = Boolean(own && deck.sides.match.buffer);
  if (!own && !deck.sides.match.buffer)
    return h("p", { class: "muted small" }, () => t("compare.none"));
  deck.ear = both ? "both" : own ? "mine" : "match";
  const time = h("span", { class: "number small muted compare-time" });
  const button = iconButton(
    "play",
    () => t("compare.play"),
    () => deck.toggle(),
    "primary big",
  );
  button.id = "compare-play";
  const ears = segments(
    () => t("compare.which"),
    [
      { value: "mine", text: () => t("mine") },
      { value: "both", text: () => t("compare.both") },
      { value: "match", text: () => t(written ? "compare.tune" : "compare.match") },
    ],
    deck.ear,
    (ear) => deck.hear(/** @type {any} */ (ear)),
  );
  const tick = () => {
    time.textContent = `${clock(deck.now_s - deck.start_s)} / ${clock(deck.end_s - deck.start_s)}`;
    redraw();
    if (deck.playing) requestAnimationFrame(tick);
  };
  deck.onchange = () => {
    swapIcon(button, deck.playing ? "pause" : "play");
    button.setAttribute("aria-label", t(deck.playing ? "compare.pause" : "compare.play"));
    button.classList.toggle("playing", deck.playing);
    requestAnimationFrame(tick);
  };
  tick();
  return h("div", { class: "compare-controls" }, button, both && ears, time);
}
