/** Asks before something goes that does not come back. */

import { h } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { t } from "../core/i18n.js";

/**
 * @param {() => string} title
 * @param {() => string} words
 * @param {() => string} act
 * @returns {Promise<boolean>}
 */
export async function sure(title, words, act) {
  const said = await open(title, (close) => [
    h("p", {}, words),
    h(
      "div",
      { class: "dialog-foot" },
      h("button", { type: "button", class: "button quiet", onclick: () => close(false) }, () =>
        t("cancel"),
      ),
      h(
        "button",
        { type: "button", class: "button danger", "data-first": true, onclick: () => close(true) },
        act,
      ),
    ),
  ]);
  return said === true;
}
