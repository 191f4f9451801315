/** The dialog that asks for a key. */

import { ApiError, call, whenKeyNeeded } from "../core/api.js";
import { h } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { t } from "../core/i18n.js";
import { forgetKey, holdKey } from "../core/keys.js";
import { trouble } from "../core/words.js";

/** @type {Promise<boolean>|null} one dialog, however many requests wait for it */
let asking = null;

/** Ask whenever the service wants a key. */
export function begin() {
  whenKeyNeeded((refused) => ask(refused));
}

/** @param {boolean} refused the key that was held is no good @returns {Promise<boolean>} */
export function ask(refused = false) {
  asking ??= open(
    () => t("key.name"),
    (close) => [form(refused, close)],
  ).then((given) => {
    asking = null;
    if (given) document.dispatchEvent(new CustomEvent("earmark:key"));
    return given === true;
  });
  return asking;
}

/** @param {boolean} refused @param {(given: boolean) => void} close */
function form(refused, close) {
  const field = h("input", {
    class: "input",
    id: "key",
    type: "password",
    autocomplete: "current-password",
    spellcheck: "false",
    placeholder: "ek_…",
    required: true,
    "data-first": true,
  });
  const keep = h("input", { type: "checkbox", id: "key-keep" });
  const problem = h("p", { class: "problem", role: "alert", hidden: !refused }, () =>
    t("error.unauthorized"),
  );
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    holdKey(field.value.trim(), keep.checked);
    try {
      await call("/v1", { ask: false });
      close(true);
    } catch (error) {
      forgetKey();
      problem.hidden = false;
      const refusedNow = error instanceof ApiError && error.status === 401;
      problem.replaceChildren(
        h("span", {}, () => (refusedNow ? t("error.unauthorized") : trouble(error))),
      );
      field.focus();
    }
  };
  return h(
    "form",
    { class: "form", onsubmit: send },
    h("p", {}, () => t("key.why")),
    problem,
    h(
      "div",
      { class: "field" },
      h("label", { for: "key" }, () => t("key.label")),
      field,
    ),
    h(
      "label",
      { class: "check" },
      keep,
      h("span", {}, () => t("key.keep")),
    ),
    h(
      "div",
      { class: "dialog-foot" },
      h("button", { type: "submit", class: "button primary" }, () => t("key.use")),
    ),
  );
}
