/** What sounds like a track, or like one moment of it; and what is nearly the same. */

import { getJson, trackPath, withQuery } from "../core/api.js";
import { arrows } from "../core/arrows.js";
import { h } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { t } from "../core/i18n.js";
import { clock, titleOf, trouble } from "../core/words.js";
import { matchRow } from "../result/others.js";

/** @param {any} track @param {number} [at_s] the moment; undefined compares the whole track */
export function showSimilar(track, at_s = undefined) {
  const title =
    at_s === undefined
      ? () => t("similar.name", { title: titleOf(track) })
      : () => t("similar.name_at", { title: titleOf(track), at: clock(at_s) });
  open(
    title,
    () => [
      part(
        () => t("similar.alike"),
        withQuery(trackPath(track.id, "/similar"), { at_s: at_s?.toFixed(2), limit: 8 }),
        () => t("similar.none"),
      ),
      ...(at_s === undefined
        ? [
            part(
              () => t("similar.duplicates"),
              withQuery(trackPath(track.id, "/duplicates"), { limit: 20 }),
              () => t("similar.no_duplicates"),
            ),
          ]
        : []),
    ],
    "wide similar",
  );
}

/** @param {() => string} title @param {string} path @param {() => string} none */
function part(title, path, none) {
  const place = h(
    "div",
    { "aria-busy": "true" },
    h("p", { class: "muted" }, () => t("similar.loading")),
  );
  getJson(path)
    .then((answer) => {
      const list = h(
        "ol",
        { class: "list", "aria-label": title },
        ...answer.matches.map((/** @type {any} */ match) => matchRow(match, null)),
      );
      arrows(list);
      place.replaceChildren(answer.matches.length ? list : h("p", { class: "muted" }, none));
    })
    .catch((error) => place.replaceChildren(h("p", { class: "problem" }, () => trouble(error))))
    .finally(() => place.removeAttribute("aria-busy"));
  return h("section", { class: "form" }, h("h3", {}, title), place);
}
