/** A track's picture; where it has none, a gradient of its own with its initials. */

import { ApiError, call, trackPath } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { titleOf } from "../core/words.js";

/** @type {Map<string, Promise<string|null>>} object URLs by track */
const known = new Map();
const HELD = 200;

/** Covers are asked for when they come into view. */
const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      fill(/** @type {HTMLElement} */ (target));
    }
  },
  { rootMargin: "200px" },
);

/** @param {string} id @returns {Promise<string|null>} */
async function fetched(id) {
  try {
    const response = await call(trackPath(id, "/cover"), { ask: false });
    return URL.createObjectURL(await response.blob());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return null;
  }
}

/** @param {HTMLElement} place */
async function fill(place) {
  const id = String(place.dataset.track);
  if (!known.has(id)) {
    if (known.size >= HELD) {
      const [oldest, address] = /** @type {[string, Promise<string|null>]} */ (
        known.entries().next().value
      );
      known.delete(oldest);
      address.then((url) => url && URL.revokeObjectURL(url));
    }
    known.set(id, fetched(id));
  }
  const url = await known.get(id);
  if (url) place.append(h("img", { src: url, alt: "", decoding: "async" }));
}

/** @param {string} id a track whose picture may be another now */
export function forgetCover(id) {
  known.delete(id);
}

/** @param {string} text @returns {number} the same number for the same text */
function hash(text) {
  let value = 2166136261;
  for (const letter of text)
    value = Math.imul(value ^ Number(letter.codePointAt(0)), 16777619) >>> 0;
  return value;
}

/** @param {string} title @returns {string} */
export function initials(title) {
  const words = title.split(/[\s_\-–—.,()[\]]+/u).filter(Boolean);
  const han = [...title].find((letter) => /\p{Script=Han}/u.test(letter));
  if (han) return han;
  return (
    words
      .slice(0, 2)
      .map((word) => [...word][0] ?? "")
      .join("")
      .toUpperCase() || "♪"
  );
}

/**
 * @param {{id: string, title?: string, source?: string, cover?: boolean}} track
 * @param {string} [look] a class, for its size
 */
export function cover(track, look = "") {
  const turn = hash(track.id) % 360;
  const place = h(
    "div",
    {
      class: `cover ${look}`,
      "aria-hidden": "true",
      "data-track": track.id,
      vars: { "--hue-a": turn, "--hue-b": (turn + 40 + (hash(`${track.id}2`) % 60)) % 360 },
    },
    h("span", {}, initials(titleOf(track))),
  );
  if (track.cover !== false) seen.observe(place);
  return place;
}

/** @returns {HTMLElement} a picture for what is not in the library */
export function blankCover() {
  return h("div", { class: "cover blank", "aria-hidden": "true" }, icon("wave"));
}
