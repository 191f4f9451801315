/** "That's right", "that's wrong": said to the service, which learns how well it does. */

import { call } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { show } from "../core/say.js";
import { t } from "../core/i18n.js";
import { trouble } from "../core/words.js";

/** @param {any} answer @param {any} match */
export function verdict(answer, match) {
  const place = h("div", {
    class: "row wrap verdict",
    role: "group",
    "aria-label": () => t("verdict.ask"),
  });
  const say = async (/** @type {boolean} */ right) => {
    for (const button of place.querySelectorAll("button")) button.disabled = true;
    try {
      await call("/v1/feedback", {
        method: "POST",
        json: { right, track_id: match.track.id, details: detailsOf(answer, match) },
      });
      place.replaceChildren(
        h(
          "p",
          { class: "row verdict-done" },
          icon("check"),
          h("span", {}, () => t(right ? "verdict.thanks_right" : "verdict.thanks_wrong")),
        ),
      );
    } catch (error) {
      for (const button of place.querySelectorAll("button")) button.disabled = false;
      show({ text: () => trouble(error), look: "bad" });
    }
  };
  place.append(
    h(
      "button",
      { type: "button", class: "button", "data-verdict": "right", onclick: () => say(true) },
      icon("right"),
      h("span", {}, () => t("verdict.right")),
    ),
    h(
      "button",
      { type: "button", class: "button", "data-verdict": "wrong", onclick: () => say(false) },
      icon("wrong"),
      h("span", {}, () => t("verdict.wrong")),
    ),
  );
  return place;
}

/**
 * @param {any} answer
 * @param {any} match what was answered, without the recording and the drawing
 */
function detailsOf(answer, match) {
  return {
    kind: match.kind,
    confidence: match.confidence,
    score: match.score,
    segment: match.segments[0] ?? null,
    query: answer.query,
    from: "page",
  };
}
