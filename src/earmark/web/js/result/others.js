/** The other candidates, best first: to hear at their moment, and to compare. */

import { h, icon, iconButton } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { arrows } from "../core/arrows.js";
import { certainty, clock, figure, titleOf } from "../core/words.js";
import { cover } from "../shell/cover.js";
import { nowPlaying, play } from "../shell/player.js";

/**
 * One match as a row of a list.
 * @param {any} match
 * @param {(() => void)|null} choose what pressing its name does
 */
export function matchRow(match, choose) {
  const word = certainty(match.confidence);
  const at_s = match.segments[0]?.reference.start_s ?? 0;
  const labels = Object.keys(match.evidence?.labels ?? {})
    .slice(0, 3)
    .join(" · ");
  const names = [
    h("span", { class: "clip row-title" }, titleOf(match.track)),
    h("span", { class: "clip small muted" }, () =>
      [match.track.artist, t("row.at", { at: clock(at_s) }), labels].filter(Boolean).join(" · "),
    ),
  ];
  const start = iconButton(
    "play",
    () => t("row.play_at", { title: titleOf(match.track), at: clock(at_s) }),
    () => (nowPlaying() === match.track.id ? play(match.track) : play(match.track, at_s)),
  );
  start.dataset.plays = match.track.id;
  return h(
    "li",
    { class: "list-row", "data-track": match.track.id },
    cover(match.track, "small"),
    choose
      ? h(
          "button",
          { type: "button", class: "row-main", "data-stop": true, onclick: choose },
          ...names,
        )
      : h("div", { class: "row-main" }, ...names),
    match.kind === "sound" && match.evidence?.similarity
      ? h("span", { class: "chip alike" }, () =>
          t("row.alike", { n: figure(match.evidence.similarity * 100) }),
        )
      : h(
          "span",
          {
            class: `chip sure ${word}`,
            title: () => t("result.confidence", { n: figure(match.confidence * 100, 1) }),
          },
          () => t(`certainty.${word}`),
        ),
    start,
  );
}

/** @param {any} answer @param {number} shown @param {(index: number) => void} choose */
export function others(answer, shown, choose) {
  if (answer.matches.length < 2) return null;
  const list = h("ol", { class: "list others", "aria-label": () => t("result.others") });
  answer.matches.forEach((/** @type {any} */ match, /** @type {number} */ index) => {
    if (index !== shown) list.append(matchRow(match, () => choose(index)));
  });
  arrows(list);
  return h(
    "section",
    { class: "result-others" },
    h(
      "h3",
      { class: "row" },
      icon("similar"),
      h("span", {}, () => t("result.others")),
    ),
    list,
  );
}
