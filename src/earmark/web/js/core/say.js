/** Short messages: to a screen reader, and as toasts with at most one thing to do. */

import { h, iconButton } from "./dom.js";
import { t } from "./i18n.js";

const spoken = h("div", {
  class: "visually-hidden",
  "aria-live": "polite",
  role: "status",
  id: "announcer",
});
const shelf = h("div", { class: "toasts", id: "toasts" });

/** @returns {HTMLElement[]} what the page must hold for this */
export function places() {
  return [shelf, spoken];
}

/** Toasts are shown where they can be pressed: in the dialog that is open, if one is. */
export function home() {
  const dialogs = document.querySelectorAll("dialog[open]");
  const place = dialogs[dialogs.length - 1] ?? document.body;
  if (shelf.parentNode !== place) place.append(shelf);
}

/** @param {string} words for who does not see the page */
export function announce(words) {
  spoken.textContent = "";
  requestAnimationFrame(() => {
    spoken.textContent = words;
  });
}

/**
 * @typedef {object} Toast
 * @property {(() => string)} text
 * @property {"plain"|"bad"} [look]
 * @property {number} [stay_ms] 0 stays until it is closed
 * @property {{text: () => string, press: () => void}} [action]
 * @property {() => void} [gone] called once, when it goes without its action
 */

/**
 * Show a toast; returns what takes it away.
 * @param {Toast} toast
 * @returns {() => void}
 */
export function show({ text, look = "plain", stay_ms = 6000, action, gone }) {
  let left = false;
  /** @type {ReturnType<typeof setTimeout>|0} */
  let timer = 0;
  const leave = () => {
    if (left) return;
    left = true;
    clearTimeout(timer);
    node.remove();
  };
  const end = () => {
    if (!left) {
      leave();
      gone?.();
    }
  };
  const node = h(
    "div",
    { class: `toast ${look}` },
    h("p", { class: "grow" }, text),
    action &&
      h(
        "button",
        {
          type: "button",
          class: "button quiet act",
          onclick: () => {
            leave();
            action.press();
          },
        },
        action.text,
      ),
    iconButton("close", () => t("close"), end),
  );
  const wait = () => {
    timer = stay_ms ? setTimeout(end, stay_ms) : 0;
  };
  for (const name of ["pointerenter", "focusin"])
    node.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"])
    node.addEventListener(name, () => {
      if (!left) {
        clearTimeout(timer);
        wait();
      }
    });
  home();
  shelf.append(node);
  announce(text());
  wait();
  return leave;
}
