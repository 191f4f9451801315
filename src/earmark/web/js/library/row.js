/** One track as a row: to hear, to change, to compare, to remove. */

import { h, icon, iconButton, swapIcon } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { t } from "../core/i18n.js";
import { clock, titleOf } from "../core/words.js";
import { cover } from "../shell/cover.js";
import { nowPlaying, play } from "../shell/player.js";
import { editTrack } from "./edit.js";
import { showSimilar } from "./similar.js";

const TAGS = 3;

/**
 * @typedef {object} RowActions
 * @property {(track: any) => void} changed
 * @property {(track: any) => void} remove
 * @property {Map<string, any>} picked
 */

/** @param {any} track @param {RowActions} actions */
export function trackRow(track, actions) {
  const title = titleOf(track);
  const edit = async () => {
    const changed = await editTrack(track);
    if (changed) actions.changed(changed);
  };
  const acts = [
    { name: "similar", text: () => t("row.similar"), press: () => showSimilar(track) },
    { name: "edit", text: () => t("row.edit"), press: edit },
    { name: "delete", text: () => t("row.delete"), press: () => actions.remove(track) },
  ];
  const tick = h("input", {
    type: "checkbox",
    class: "pick",
    checked: actions.picked.has(track.id),
    "aria-label": () => t("row.select", { title }),
    onchange: () => {
      if (tick.checked) actions.picked.set(track.id, track);
      else actions.picked.delete(track.id);
      document.dispatchEvent(new CustomEvent("earmark:picked"));
    },
  });
  const start = h(
    "button",
    {
      type: "button",
      class: "cover-button",
      "aria-label": () => t("row.play", { title }),
      onclick: () => play(track),
    },
    cover(track, "small"),
    icon("play"),
  );
  const row = h(
    "li",
    { class: "list-row", "data-track": track.id },
    h("label", { class: "pick-place" }, tick),
    start,
    h(
      "button",
      { type: "button", class: "row-main", "data-stop": true, onclick: () => play(track) },
      h("span", { class: "clip row-title" }, title),
      h(
        "span",
        { class: "clip small muted" },
        () => [track.artist, track.album].filter(Boolean).join(" · ") || t("result.unknown_artist"),
      ),
    ),
    h(
      "span",
      { class: "row tags" },
      ...track.tags
        .slice(0, TAGS)
        .map((/** @type {string} */ tag) => h("span", { class: "chip" }, tag)),
      track.tags.length > TAGS && h("span", { class: "chip" }, `+${track.tags.length - TAGS}`),
    ),
    h("span", { class: "number small muted length" }, clock(track.duration_s)),
    h(
      "span",
      { class: "row-acts" },
      ...acts.map(({ name, text, press }) => {
        const button = iconButton(name, text, press);
        button.dataset.act = name;
        return button;
      }),
    ),
    iconButton(
      "more",
      () => t("row.more", { title }),
      () => sheet(title, acts),
      "quiet row-more",
    ),
  );
  row.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const to = /** @type {HTMLElement} */ (event.target);
    if (!to.matches(".row-main") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete") actions.remove(track);
    else if (event.key === "e") edit();
    else if (event.key === "s") showSimilar(track);
    else if (event.key === "x") tick.click();
    else return;
    event.preventDefault();
  });
  showPlaying(row);
  return row;
}

/** Show whether a row's track is the one that plays. @param {HTMLElement} row */
export function showPlaying(row) {
  const mine = nowPlaying() === row.dataset.track;
  row.classList.toggle("sounds", mine);
  swapIcon(/** @type {Element} */ (row.querySelector(".cover-button")), mine ? "pause" : "play");
}

/**
 * The same actions for a thumb.
 * @param {string} title
 * @param {{name: string, text: () => string, press: () => void}[]} acts
 */
function sheet(title, acts) {
  open(
    () => title,
    (close) =>
      acts.map(({ name, text, press }) =>
        h(
          "button",
          {
            type: "button",
            class: `button quiet sheet-act ${name === "delete" ? "danger" : ""}`,
            onclick: () => {
              close();
              press();
            },
          },
          icon(name),
          h("span", {}, text),
        ),
      ),
    "sheet",
  );
}
