/** What was broadcast beside what it is said to be: in step, to see and to hear. */

import { call } from "../core/api.js";
import { h, iconButton, segments, swapIcon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { clock } from "../core/words.js";
import { inStep } from "../result/compare.js";
import { wavesPicture } from "../result/waves.js";
import { Deck } from "../sound/deck.js";
import { decoded, peaks } from "../sound/recording.js";

const POINTS = 600;
const LONGEST_S = 60; // of a track, that the service gives at once
const EARS = /** @type {const} */ (["mine", "match", "both"]);
const LABELS = { mine: "sides.clip", match: "sides.track", both: "sides.both" };
const NAMES = { own: () => t("sides.clip"), theirs: () => t("sides.track") };

/** What was listened to last: the next detection begins so. @type {"mine"|"match"|"both"} */
let ear = "both";

/**
 * Which stretch of the source is compared with which of the track.
 * @param {any} entry
 */
export function aligned(entry) {
  const clip = entry.evidence;
  const longest = entry.pieces.reduce((/** @type {any} */ best, /** @type {any} */ one) =>
    length(one.query) > length(best.query) ? one : best,
  );
  if (!clip) {
    const { start_s } = longest.query;
    const end_s = Math.min(longest.query.end_s, start_s + LONGEST_S / longest.time_ratio);
    return span({ start_s, end_s }, longest, longest.reference, start_s);
  }
  const whole = { start_s: clip.start_s, end_s: clip.start_s + clip.duration_s };
  const shared = (/** @type {any} */ { query }) =>
    Math.min(query.end_s, whole.end_s) - Math.max(query.start_s, whole.start_s);
  const piece = entry.pieces.reduce((/** @type {any} */ best, /** @type {any} */ one) =>
    shared(one) > shared(best) ? one : best,
  );
  const from_s = Math.max(piece.query.start_s, whole.start_s);
  return span(whole, piece, clip.reference, shared(piece) > 0 ? from_s : piece.query.start_s);
}

/** @param {{start_s: number, end_s: number}} one */
const length = ({ start_s, end_s }) => end_s - start_s;

/** @param {any} whole @param {any} piece @param {any} reference @param {number} from_s */
function span(whole, piece, reference, from_s) {
  const ratio = piece.time_ratio || 1;
  return {
    ...whole,
    ratio,
    piece,
    query: { start_s: from_s, end_s: from_s + length(reference) / ratio },
    reference,
    there: (/** @type {number} */ at_s) => reference.start_s + (at_s - from_s) * ratio,
  };
}

/**
 * @param {any} entry
 * @returns {{node: HTMLElement, toggle: () => void, hear: (to: "mine"|"match"|"both") => void,
 *   close: () => void}}
 */
export function sides(entry) {
  const node = h("div", { class: "compare sides" });
  /** @type {{closed: boolean, deck: Deck|null, group: any, wants: boolean}} */
  const state = { closed: false, deck: null, group: null, wants: false };
  node.append(h("div", { class: "compare-wait", "aria-busy": "true" }, () => t("compare.loading")));
  load(entry).then((loaded) => {
    if (state.closed) return;
    if (!loaded) {
      node.replaceChildren(h("p", { class: "muted small" }, () => t("sides.none")));
      return;
    }
    state.deck = loaded.deck;
    const { group, parts } = shown(entry, loaded);
    state.group = group;
    node.replaceChildren(...parts);
    if (state.wants) loaded.deck.play();
  });
  return {
    node,
    toggle() {
      if (state.deck) state.deck.toggle();
      else state.wants = !state.wants;
    },
    hear(to) {
      if (!state.group || !state.deck) return;
      ear = to;
      state.group.pick(to);
      state.deck.hear(to);
    },
    close() {
      state.closed = true;
      state.deck?.close();
    },
  };
}

/** @param {any} entry */
async function load(entry) {
  const at = aligned(entry);
  const [own, theirs] = await Promise.all([
    entry.evidence ? sound(entry.id, "evidence") : null,
    sound(entry.id, "reference"),
  ]);
  if (!own && !theirs) return null;
  const mine = { buffer: own, from_s: -at.start_s, speed: 1 };
  const match = inStep(theirs, at, at.reference.start_s, at.piece.pitch_shift_semitones);
  return { deck: new Deck(mine, match, at.start_s, at.end_s), at, own, theirs };
}

/** @param {string} id @param {string} what @returns {Promise<AudioBuffer|null>} */
async function sound(id, what) {
  try {
    return await decoded(
      await (await call(`/v1/detections/${encodeURIComponent(id)}/${what}`)).blob(),
    );
  } catch {
    return null; // said in words beside the other one
  }
}

/** @param {any} entry @param {NonNullable<Awaited<ReturnType<typeof load>>>} loaded */
function shown(entry, { deck, at, own, theirs }) {
  /** @type {Node[]} */
  const parts = [];
  let draw = () => {};
  if (own && theirs) {
    const waveform = {
      start_s: at.reference.start_s,
      end_s: at.reference.start_s + theirs.duration,
      peaks: peaks(theirs, POINTS, 0, theirs.duration),
    };
    const heights = peaks(own, POINTS, 0, at.end_s - at.start_s);
    const picture = wavesPicture(heights, waveform, at, entry, deck, NAMES);
    parts.push(picture.node);
    draw = picture.draw;
  } else {
    const words = own ? "sides.no_track" : "sides.no_clip";
    parts.push(h("p", { class: "muted small" }, () => t(words)));
  }
  const both = Boolean(own && theirs);
  deck.ear = both ? ear : own ? "mine" : "match";
  const group = segments(
    () => t("compare.which"),
    EARS.map((value) => ({ value, text: () => t(LABELS[value]) })),
    deck.ear,
    (value) => {
      ear = /** @type {any} */ (value);
      deck.hear(ear);
    },
  );
  const button = iconButton(
    "play",
    () => t("sides.play"),
    () => deck.toggle(),
    "primary big",
  );
  button.id = "review-play";
  const time = h("span", { class: "number small muted compare-time" });
  const tick = () => {
    const now = { clip: clock(deck.now_s), track: clock(at.there(deck.now_s)) };
    time.textContent = t("sides.at", now);
    draw();
    if (deck.playing) requestAnimationFrame(tick);
  };
  deck.onchange = () => {
    swapIcon(button, deck.playing ? "pause" : "play");
    button.setAttribute("aria-label", t(deck.playing ? "compare.pause" : "sides.play"));
    button.classList.toggle("playing", deck.playing);
    requestAnimationFrame(tick);
  };
  tick();
  parts.push(h("div", { class: "compare-controls" }, button, both && group, time));
  return { parts, group: both ? group : null };
}
