/** One detection of the queue in short. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { clock, titleOf } from "../core/words.js";
import { lookOf, recently } from "./figures.js";
import { LOOKS } from "./focus.js";

/**
 * @param {any} entry
 * @param {boolean} here it is in focus
 * @param {() => void} pick
 */
export function reviewRow(entry, here, pick) {
  const { ruling } = entry;
  return h(
    "li",
    { class: "list-row queue-row", "data-detection": entry.id, "data-ruling": ruling ?? "none" },
    h(
      "button",
      {
        type: "button",
        class: "row-main",
        "data-stop": true,
        "aria-current": String(here),
        onclick: pick,
      },
      h("span", { class: "row-title clip" }, titleOf(entry.track)),
      h(
        "span",
        { class: "small muted clip" },
        () => `${entry.station} · ${recently(entry.began_at)}`,
      ),
    ),
    h(
      "div",
      { class: "queue-chips" },
      ruling
        ? h("span", { class: `chip ${LOOKS[ruling]}` }, () => t(`ruling.${ruling}`))
        : h("span", { class: `chip ${lookOf(entry.action)}` }, () => t(`action.${entry.action}`)),
      h("span", { class: "small muted number" }, () =>
        entry.open ? t("monitor.on_air") : clock(entry.played_s),
      ),
    ),
  );
}
