/** Arrow keys, Home and End go through a list's stops: elements with `data-stop`. */

/** @param {HTMLElement} list */
export function arrows(list) {
  list.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step || /** @type {HTMLElement} */ (event.target).closest("input, textarea, select"))
      return;
    const stops = /** @type {HTMLElement[]} */ (
      [...list.querySelectorAll("[data-stop]")].filter((one) => !one.closest("[hidden]"))
    );
    const row = /** @type {HTMLElement} */ (event.target).closest("li");
    const at = stops.findIndex((one) => one.closest("li") === row);
    const next = stops[Math.min(stops.length - 1, Math.max(0, at + step))];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
}
