/** The ring around the button: what is heard now at the top, what was heard runs down both sides. */

import { colour, still } from "../core/theme.js";

const RAYS = 60; // on each side
const FLOOR_DBFS = -62;
const SWING_DB = 13;

/** @param {number} value @returns {number} within [0, 1] */
const unit = (value) => Math.min(1, Math.max(0, value));

export class Ring {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.levels = new Float32Array(RAYS);
    this.level = 0;
    this.top_dbfs = FLOOR_DBFS;
    this.progress = 0;
    this.state = "idle";
    this.shown = 0; // the level, smoothed
    this.turn = 0;
    this.last_ms = 0;
    this.step_ms = 0;
    this.frame = 0;
    new ResizeObserver(() => this.draw(performance.now())).observe(canvas);
    document.addEventListener("earmark:look", () => this.draw(performance.now()));
  }

  /** @param {"idle"|"listening"|"thinking"} state */
  become(state) {
    this.state = state;
    if (state === "idle") this.progress = 0;
    if (state !== "idle" && !this.frame) this.frame = requestAnimationFrame((now) => this.run(now));
  }

  /** @param {number} rms in [0, 1] */
  hear(rms) {
    const dbfs = 20 * Math.log10(Math.max(rms, 1e-6));
    const loud = unit((dbfs - FLOOR_DBFS) / (-8 - FLOOR_DBFS));
    // Music hardly moves on a scale of loudness: most of what is drawn is how it differs from before.
    this.top_dbfs = Math.max(dbfs, this.top_dbfs - 0.08, FLOOR_DBFS + 12);
    this.level = loud * (0.25 + 0.75 * unit((dbfs - this.top_dbfs + SWING_DB) / SWING_DB) ** 1.6);
  }

  /** @param {number} now_ms */
  run(now_ms) {
    const passed_ms = Math.min(50, now_ms - (this.last_ms || now_ms));
    this.last_ms = now_ms;
    const aim = this.state === "listening" ? this.level : 0;
    const speed = aim > this.shown ? 30 : 140;
    this.shown += (aim - this.shown) * (1 - Math.exp(-passed_ms / speed));
    this.step_ms += passed_ms;
    while (this.step_ms > 22) {
      this.step_ms -= 22;
      this.levels.copyWithin(1, 0);
      this.levels[0] = this.shown;
    }
    this.turn += passed_ms / 1000;
    this.draw(now_ms);
    const moving = this.state !== "idle" || this.levels.some((level) => level > 0.01);
    this.frame = moving ? requestAnimationFrame((next) => this.run(next)) : 0;
    if (!this.frame) this.last_ms = 0;
  }

  /** @param {number} now_ms */
  draw(now_ms) {
    const size = this.canvas.clientWidth;
    const ratio = Math.min(3, devicePixelRatio || 1);
    const pixels = Math.round(size * ratio);
    if (!pixels) return;
    if (this.canvas.width !== pixels) this.canvas.width = this.canvas.height = pixels;
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, size, size);
    pen.translate(size / 2, size / 2);
    pen.lineCap = "round";
    this.rays(pen, size, now_ms);
    if (this.progress > 0) this.arc(pen, size);
  }

  /** @param {CanvasRenderingContext2D} pen @param {number} size @param {number} now_ms */
  rays(pen, size, now_ms) {
    const inner = size * 0.365;
    const reach = size * 0.135;
    const calm = still();
    pen.strokeStyle = colour("--accent");
    pen.lineWidth = Math.max(2, size * 0.0085);
    for (let i = 0; i < RAYS; i += 1) {
      let level = calm ? this.shown : this.levels[i] * (1 - 0.45 * (i / RAYS));
      let strength = 0.28 + 0.72 * Math.min(1, level * 1.6);
      if (this.state === "thinking" && !calm) {
        const wave = 0.5 + 0.5 * Math.sin(now_ms / 180 - i * 0.28);
        level = Math.max(level, 0.22 * wave);
        strength = 0.35 + 0.5 * wave;
      }
      pen.globalAlpha = strength;
      const length = Math.max(0.01, level * reach);
      for (const side of i === 0 ? [1] : [1, -1]) {
        const angle = -Math.PI / 2 + side * ((i + 0.0) / (RAYS - 0.5)) * Math.PI;
        const [x, y] = [Math.cos(angle), Math.sin(angle)];
        pen.beginPath();
        pen.moveTo(x * inner, y * inner);
        pen.lineTo(x * (inner + length), y * (inner + length));
        pen.stroke();
      }
    }
    pen.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} pen @param {number} size */
  arc(pen, size) {
    pen.lineWidth = 3;
    pen.strokeStyle = colour("--accent");
    pen.beginPath();
    pen.arc(0, 0, size * 0.338, -Math.PI / 2, -Math.PI / 2 + this.progress * 2 * Math.PI);
    pen.stroke();
  }
}
