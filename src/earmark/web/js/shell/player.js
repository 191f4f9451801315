/** The bar that plays one track of the library, from any moment of it. */

import { call, trackPath } from "../core/api.js";
import { h, icon, iconButton, swapIcon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { heldKey } from "../core/keys.js";
import { show } from "../core/say.js";
import { clock, titleOf, trouble } from "../core/words.js";
import { stopOthers } from "../sound/deck.js";
import { cover } from "./cover.js";

const audio = h("audio", { preload: "auto" });
const playing = { pause: () => audio.pause() };

/** @type {any} */
let track = null;
let loaded = "";
/** @type {string|null} */
let address = null;
/** @type {(track: any, at_s: number) => void} */
let similarHere = () => {};

const title = h("p", { class: "clip bar-title" });
const time = h("span", { class: "number small muted" });
const slide = h("input", {
  type: "range",
  min: "0",
  max: "1",
  step: "0.1",
  value: "0",
  "aria-label": () => t("player.seek"),
  oninput: () => {
    audio.currentTime = Number(slide.value);
  },
});
const pause = iconButton(
  "pause",
  () => t("player.pause"),
  () => {
    if (audio.paused) audio.play();
    else audio.pause();
  },
  "primary",
);
const picture = h("div", { class: "bar-cover" });
const bar = h(
  "section",
  { class: "bar", hidden: true, "aria-label": () => t("player.name") },
  picture,
  pause,
  h(
    "div",
    { class: "grow bar-middle" },
    h("div", { class: "row" }, h("div", { class: "grow" }, title), time),
    slide,
  ),
  h(
    "button",
    {
      type: "button",
      class: "button quiet bar-similar",
      title: () => t("similar.here"),
      onclick: () => {
        if (track) similarHere(track, audio.currentTime);
      },
    },
    icon("similar"),
    h("span", {}, () => t("similar.here")),
  ),
  iconButton("close", () => t("close"), close),
);

/** @param {typeof similarHere} ask what "similar at this moment" does */
export function makeBar(ask) {
  similarHere = ask;
  audio.addEventListener("timeupdate", tick);
  audio.addEventListener("durationchange", tick);
  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, changed);
  return bar;
}

function tick() {
  const length_s = Number.isFinite(audio.duration) ? audio.duration : (track?.duration_s ?? 0);
  slide.max = String(length_s);
  slide.value = String(audio.currentTime);
  slide.setAttribute("aria-valuetext", clock(audio.currentTime));
  time.textContent = `${clock(audio.currentTime)} / ${clock(length_s)}`;
}

function changed() {
  swapIcon(pause, audio.paused ? "play" : "pause");
  pause.setAttribute("aria-label", t(audio.paused ? "player.play" : "player.pause"));
  if (!audio.paused) stopOthers(playing);
  for (const start of document.querySelectorAll("[data-plays]")) {
    swapIcon(
      start,
      /** @type {HTMLElement} */ (start).dataset.plays === nowPlaying() ? "pause" : "play",
    );
  }
  document.dispatchEvent(
    new CustomEvent("earmark:playing", { detail: audio.paused ? null : track?.id }),
  );
}

/** @returns {string|null} the track that sounds now */
export function nowPlaying() {
  return track && !audio.paused ? track.id : null;
}

/**
 * Play a track, from a moment of it; the one that plays is paused by asking for it again.
 * @param {any} next @param {number} [at_s]
 */
export async function play(next, at_s = undefined) {
  if (loaded === next.id && at_s === undefined) {
    if (audio.paused) await audio.play().catch(() => {});
    else audio.pause();
    return;
  }
  try {
    if (loaded !== next.id) await load(next);
    audio.currentTime = at_s ?? 0;
    await audio.play();
  } catch (error) {
    close();
    const words =
      /** @type {any} */ (error).code === "no_media" ||
      /** @type {Error} */ (error).name === "NotSupportedError";
    show({
      text: () => (words ? t("player.silent", { title: titleOf(next) }) : trouble(error)),
      look: "bad",
    });
  }
}

/** @param {any} next */
async function load(next) {
  audio.pause();
  track = next;
  title.textContent = next.artist ? `${titleOf(next)} · ${next.artist}` : titleOf(next);
  picture.replaceChildren(cover(next, "small"));
  if (address) URL.revokeObjectURL(address);
  address = null;
  const path = trackPath(next.id, "/audio");
  if (heldKey()) {
    address = URL.createObjectURL(await (await call(path)).blob());
    audio.src = address;
  } else {
    audio.src = path; // with no key to send the browser may ask for the parts it needs
  }
  loaded = next.id;
  bar.hidden = false;
  document.body.classList.add("has-bar");
}

function close() {
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
  loaded = "";
  track = null;
  bar.hidden = true;
  document.body.classList.remove("has-bar");
}

/** @param {string} id stop if this track, which is going, plays */
export function stopIf(id) {
  if (track?.id === id) close();
}
