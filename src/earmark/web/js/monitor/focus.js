/** The detection in focus: what it is, both sides of it, and what people decided. */

import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { certainty, clock, figure, size, titleOf } from "../core/words.js";
import { play } from "../shell/player.js";
import { lookOf, moment, pitch, range, sourceName, speed } from "./figures.js";

/** @param {any} entry @returns {Node[]} */
export function facts(entry) {
  const sure = certainty(entry.confidence);
  const { track } = entry;
  return [
    h(
      "div",
      { class: "review-head" },
      h("h2", { id: "review-title", tabindex: "-1" }, titleOf(track)),
      h("p", { class: "muted" }, () => track.artist || t("result.unknown_artist")),
      h(
        "div",
        { class: "row wrap chips" },
        h("span", { class: `chip ${lookOf(entry.action)}` }, () => t(`action.${entry.action}`)),
        h("span", { class: `chip sure ${sure}` }, () => t(`certainty.${sure}`)),
        entry.open && h("span", { class: "chip warm" }, () => t("monitor.on_air")),
        entry.second_opinion && h("span", { class: "chip" }, () => t(`kind.${entry.kind}`)),
        h(
          "button",
          {
            type: "button",
            class: "button quiet",
            onclick: () => play(track, entry.pieces[0].reference.start_s),
          },
          icon("play"),
          h("span", {}, () => t("review.whole_track")),
        ),
      ),
    ),
    h("dl", { class: "facts" }, ...rows(entry)),
  ];
}

/** @param {any} entry @returns {Node[]} */
function rows(entry) {
  /** @type {[string, () => string][]} */
  const told = [
    ["review.station", () => entry.station],
    ["review.when", () => moment(entry.began_at)],
    ["review.where", () => range(entry)],
    ["review.long", () => clock(entry.played_s)],
    ["details.confidence", () => `${figure(entry.confidence * 100, 1)} %`],
    ["review.speed", () => speed(entry.time_ratio)],
    ["review.pitch", () => pitch(entry.pitch_shift_semitones)],
    ["details.source", () => sourceName(entry.source)],
  ];
  if (entry.duplicates.length) told.push(["review.duplicates", () => entry.duplicates.join(", ")]);
  return told.flatMap(([name, words]) => [h("dt", {}, () => t(name)), h("dd", {}, words)]);
}

/** @param {any} entry @returns {HTMLElement} what was decided, oldest first, and on what ground */
export function trail(entry) {
  const list = entry.decisions.length
    ? h(
        "ol",
        { class: "trail", id: "review-trail", "aria-label": () => t("review.trail") },
        ...entry.decisions.map((/** @type {any} */ one) =>
          h(
            "li",
            {},
            h("span", { class: `chip ${LOOKS[one.ruling] ?? ""}` }, () =>
              t(`ruling.${one.ruling}`),
            ),
            h("span", {}, one.by),
            h("span", { class: "muted number" }, () => moment(one.at)),
            one.note && h("q", { class: "note" }, one.note),
          ),
        ),
      )
    : h("p", { class: "muted small" }, () => t("review.no_trail"));
  return h(
    "section",
    { class: "form" },
    h("h3", {}, () => t("review.trail")),
    list,
    entry.evidence && provenance(entry.evidence),
  );
}

/** @type {Record<string, string>} */
export const LOOKS = { confirm: "accent", reject: "bad", unsure: "warm" };

/** @param {any} clip */
function provenance(clip) {
  /** @type {[string, () => string][]} */
  const told = [
    ["review.clip", () => range({ start_s: clip.start_s, end_s: clip.start_s + clip.duration_s })],
    ["review.aligned", () => range(clip.reference)],
    ["review.size", () => size(clip.bytes)],
    ["SHA-256", () => clip.sha256],
    ["review.engine", () => `${clip.engine}, earmark ${clip.version}`],
    ["review.library", () => clip.library],
  ];
  return h(
    "details",
    { class: "more" },
    h(
      "summary",
      {},
      icon("down"),
      h("span", {}, () => t("review.evidence")),
    ),
    h(
      "dl",
      { class: "facts" },
      ...told.flatMap(([name, words]) => [
        h("dt", {}, () => (name.includes(".") ? t(name) : name)),
        h("dd", {}, words),
      ]),
    ),
  );
}
