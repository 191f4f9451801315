/** Canvases as sharp as the screen, to click and to steer with the arrow keys. */

import { h } from "../core/dom.js";
import { clock } from "../core/words.js";

/**
 * A canvas that fills its width and is drawn again when that, or the colours, change.
 * @param {number} height
 * @param {() => void} draw
 */
export function canvasOf(height, draw) {
  const canvas = h("canvas", { height });
  canvas.style.height = `${height}px`;
  new ResizeObserver(() => draw()).observe(canvas);
  const look = () => {
    if (canvas.isConnected) draw();
    else document.removeEventListener("earmark:look", look);
  };
  document.addEventListener("earmark:look", look);
  const pen = () => {
    const width = canvas.clientWidth;
    const ratio = Math.min(3, devicePixelRatio || 1);
    const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (!wide) return { width, to: null };
    if (canvas.width !== wide || canvas.height !== tall)
      [canvas.width, canvas.height] = [wide, tall];
    const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, to };
  };
  return { canvas, pen };
}

/**
 * Make a picture of time a slider: a press or an arrow key moves the players there.
 * @param {HTMLCanvasElement} canvas
 * @param {import("../sound/deck.js").Deck} deck
 * @param {() => string} label
 * @param {() => void} draw
 */
export function playable(canvas, deck, label, draw) {
  const place = h(
    "div",
    { class: "timeline", role: "slider", tabindex: "0", "aria-label": label, "aria-valuemin": "0" },
    canvas,
  );
  const tell = () => {
    place.setAttribute("aria-valuemax", (deck.end_s - deck.start_s).toFixed(1));
    place.setAttribute("aria-valuenow", (deck.now_s - deck.start_s).toFixed(1));
    place.setAttribute("aria-valuetext", clock(deck.now_s - deck.start_s));
    draw();
  };
  const go = (/** @type {number} */ at_s) => {
    deck.seek(at_s);
    tell();
  };
  const point = (/** @type {PointerEvent} */ event) => {
    const at = canvas.getBoundingClientRect();
    go(deck.start_s + ((event.clientX - at.left) / at.width) * (deck.end_s - deck.start_s));
  };
  place.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    place.setPointerCapture(event.pointerId);
    point(event);
  });
  place.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (place.hasPointerCapture(event.pointerId)) point(event);
  });
  place.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const to = {
      ArrowLeft: deck.now_s - 1,
      ArrowRight: deck.now_s + 1,
      Home: deck.start_s,
      End: deck.end_s,
    }[event.key];
    if (to === undefined && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (to === undefined) deck.toggle();
    else go(to);
  });
  tell();
  return place;
}
