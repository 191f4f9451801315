/** The review desk by keyboard alone: keys that work as long as nobody is typing. */

import { RULINGS } from "./decide.js";

const TYPING = "input:not([type=checkbox]):not([type=range]), textarea, select";
const PRESSED_BY_SPACE = "button, a, summary, [role=slider], input";
/** @type {Record<string, "mine"|"match"|"both">} */
const EARS = { a: "mine", b: "match", x: "both" };

/**
 * @param {object} acts
 * @param {(by: number) => void} acts.step
 * @param {() => void} acts.play
 * @param {(ear: "mine"|"match"|"both") => void} acts.hear
 * @param {(ruling: string) => void} acts.decide
 * @param {() => void} acts.undo
 */
export function reviewKeys({ step, play, hear, decide, undo }) {
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const to = /** @type {HTMLElement} */ (event.target);
    if (to.matches?.(TYPING)) {
      if (event.key === "Escape") document.getElementById("review-title")?.focus();
      return;
    }
    const key = event.key.toLowerCase();
    const ruling = RULINGS.find((one) => one.key === key)?.ruling;
    if (key === "j") step(1);
    else if (key === "k") step(-1);
    else if (key === " " && !to.matches?.(PRESSED_BY_SPACE)) play();
    else if (key in EARS) hear(EARS[key]);
    else if (key === "z") undo();
    else if (ruling && !event.repeat) decide(ruling);
    else return;
    event.preventDefault();
  };
  return {
    on: () => document.addEventListener("keydown", pressed),
    off: () => document.removeEventListener("keydown", pressed),
  };
}
