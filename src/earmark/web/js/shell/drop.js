/** Files dropped anywhere: on the library they are added, elsewhere they are asked about. */

import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";

/**
 * @param {() => boolean} adding whether files would be added now
 * @param {(files: File[]) => void} take
 * @returns {HTMLElement} the veil to put on the page
 */
export function makeDrop(adding, take) {
  const words = h("p", {});
  const veil = h(
    "div",
    { class: "veil", hidden: true, "aria-hidden": "true" },
    icon("upload"),
    words,
  );
  let depth = 0;
  const files = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!files(event)) return;
    depth += 1;
    words.textContent = t(adding() ? "drop.add" : "drop.ask");
    veil.hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) veil.hidden = true;
  });
  addEventListener("dragover", (event) => {
    if (files(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    depth = 0;
    veil.hidden = true;
    if (!files(event)) return;
    event.preventDefault();
    const dropped = [...(event.dataTransfer?.files ?? [])];
    if (dropped.length) take(dropped);
  });
  return veil;
}
