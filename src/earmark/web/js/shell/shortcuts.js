/** Keys that work anywhere, as long as nobody is typing. */

const TYPING = "input:not([type=checkbox]):not([type=range]), textarea, select";

/**
 * @param {object} acts
 * @param {() => void} acts.listen @param {() => void} acts.stop @param {() => void} acts.search
 * @param {(index: number) => void} acts.go @param {() => void} acts.help
 */
export function makeShortcuts({ listen, stop, search, go, help }) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = /** @type {HTMLElement} */ (event.target);
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      stop();
      return;
    }
    if (to.matches?.(TYPING)) return;
    const free = to === document.body || to.matches?.("main, .page, #result");
    if (event.key === " " && free) listen();
    else if (event.key === "/") search();
    else if (event.key === "?") help();
    else if (/^[1-5]$/.test(event.key)) go(Number(event.key) - 1);
    else return;
    event.preventDefault();
  });
}
