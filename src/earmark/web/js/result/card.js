/** The card of one match. */

import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { certainty, clock, figure, titleOf } from "../core/words.js";
import { cover } from "../shell/cover.js";
import { comparison } from "./compare.js";
import { details } from "./details.js";
import { whereabouts } from "./whereabouts.js";
import { others } from "./others.js";
import { verdict } from "./verdict.js";

/**
 * @param {any} answer
 * @param {number} index of the match that is shown
 * @param {import("../sound/recording.js").Recording} recording
 * @param {import("./view.js").Actions} actions
 * @param {(index: number) => void} choose show another match
 */
export function matchCard(answer, index, recording, actions, choose) {
  const match = answer.matches[index];
  const compared = comparison(match, answer, recording);
  const node = h(
    "article",
    { class: "card result-card", "data-track": match.track.id, "data-kind": match.kind },
    head(match),
    compared.node,
    whereabouts(match),
    duplicates(match),
    h(
      "div",
      { class: "result-foot" },
      verdict(answer, match),
      h(
        "button",
        { type: "button", class: "button", onclick: actions.again },
        icon("again"),
        h("span", {}, () => t("result.again")),
      ),
    ),
    others(answer, index, choose),
    details(answer, match),
  );
  return { node, close: compared.close };
}

/** @param {any} match */
function head(match) {
  const word = certainty(match.confidence);
  const [{ reference }] = match.segments.length ? match.segments : [{ reference: null }];
  const labels = Object.keys(match.evidence.labels ?? {});
  return h(
    "header",
    { class: "result-head" },
    cover(match.track, "large"),
    h(
      "div",
      { class: "grow result-names" },
      h(
        "div",
        { class: "row wrap chips" },
        match.kind === "sound" && match.evidence.similarity
          ? h("span", { class: "chip accent" }, () =>
              t("row.alike", { n: figure(match.evidence.similarity * 100) }),
            )
          : h(
              "span",
              {
                class: `chip sure ${word}`,
                "data-certainty": word,
                title: () => t("result.confidence", { n: figure(match.confidence * 100, 1) }),
              },
              () => t(`certainty.${word}`),
            ),
        h("span", { class: "chip" }, () => t(`kind.${match.kind}`)),
      ),
      h("h2", { class: "result-title" }, titleOf(match.track)),
      match.track.artist && h("p", { class: "result-artist" }, match.track.artist),
      reference &&
        h("p", { class: "muted number result-range" }, () =>
          t("result.range", {
            start: clock(reference.start_s),
            end: clock(reference.end_s),
            length: clock(match.track.duration_s),
          }),
        ),
      labels.length
        ? h(
            "p",
            { class: "row wrap chips" },
            ...labels.map((label) => h("span", { class: "chip" }, label)),
          )
        : null,
    ),
  );
}

/** @param {any} match */
function duplicates(match) {
  const count = match.duplicates?.length ?? 0;
  return (
    count > 0 &&
    h(
      "p",
      { class: "small muted result-also" },
      icon("info"),
      h("span", {}, () =>
        t("result.duplicates", { n: count, ids: match.duplicates.slice(0, 4).join(", ") }),
      ),
    )
  );
}
