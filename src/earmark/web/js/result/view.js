/** An answer on the page: a card for the match, or what to do where there is none. */

import { h } from "../core/dom.js";
import { announce } from "../core/say.js";
import { t } from "../core/i18n.js";
import { certainty, titleOf } from "../core/words.js";
import { matchCard } from "./card.js";
import { nothingCard } from "./nothing.js";

/**
 * @typedef {object} Actions
 * @property {() => void} again listen once more
 * @property {(mode: string) => void} retry ask about the same recording in another mode
 */

/** @type {{close: () => void}|null} */
let open = null;

/**
 * Show an answer in a place, over the one before.
 * @param {HTMLElement} place
 * @param {any} answer
 * @param {import("../sound/recording.js").Recording} recording
 * @param {Actions} actions
 */
export function showAnswer(place, answer, recording, actions) {
  open?.close();
  open = null;
  if (!answer.matches.length) {
    place.replaceChildren(nothingCard(answer, recording, actions));
    announce(t("listen.nothing"));
    return;
  }
  const holder = h("div", { class: "result-holder" });
  const choose = (/** @type {number} */ index) => {
    open?.close();
    const card = matchCard(answer, index, recording, actions, choose);
    open = card;
    holder.replaceChildren(card.node);
  };
  choose(0);
  place.replaceChildren(holder);
  const best = answer.matches[0];
  announce(
    t("result.announce", {
      title: titleOf(best.track),
      artist: best.track.artist || t("result.unknown_artist"),
      certainty: t(`certainty.${certainty(best.confidence)}`),
    }),
  );
}
