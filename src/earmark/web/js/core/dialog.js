/** Dialogs: the browser's own, which keeps focus inside and gives it back. */

import { h, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { home } from "./say.js";

let count = 0;

/**
 * Open a dialog over the page.
 * @param {() => string} title
 * @param {(close: (result?: any) => void) => Node[]} fill makes its body
 * @param {string} [look] a class
 * @returns {Promise<any>} what it was closed with; undefined when it was left
 */
export function open(title, fill, look = "") {
  return new Promise((resolve) => {
    count += 1;
    const id = `dialog-title-${count}`;
    /** @type {any} */
    let result;
    const close = (/** @type {any} */ value = undefined) => {
      result = value;
      box.close();
    };
    const box = h("dialog", { class: look, "aria-labelledby": id });
    box.append(
      h(
        "div",
        { class: "dialog-head" },
        h("h2", { id }, title),
        iconButton(
          "close",
          () => t("close"),
          () => close(),
        ),
      ),
      h("div", { class: "dialog-body" }, ...fill(close)),
    );
    box.addEventListener("close", () => {
      home();
      box.remove();
      resolve(result);
    });
    box.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.target !== box) return;
      const at = box.getBoundingClientRect();
      const inside =
        event.clientX >= at.left &&
        event.clientX <= at.right &&
        event.clientY >= at.top &&
        event.clientY <= at.bottom;
      if (!inside) close();
    });
    document.body.append(box);
    box.showModal();
    box.querySelector("[data-first]")?.focus();
  });
}
