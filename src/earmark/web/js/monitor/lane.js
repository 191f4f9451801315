/** The last hour of a stream as a lane: tracks, what nobody knows, and when it was away. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { hueOf, s } from "../core/svg.js";
import { called, timeOfDay } from "./figures.js";

export const HOUR_S = 3600;
const TALL = 44;
const LEAST = 4; // seconds: narrower ones could not be seen
const TICKS = 6;

/**
 * @param {string} name of the stream
 * @param {any[]} entries @param {any[]} gaps @param {any[]} outages
 * @param {number} now seconds since 1970
 * @returns {HTMLElement}
 */
export function lane(name, entries, gaps, outages, now) {
  const from = now - HOUR_S;
  /** @param {number} began @param {number} until @returns {{x: number, width: number}|null} */
  const place = (began, until) => {
    const x = Math.max(0, began - from);
    const width = Math.max(LEAST, Math.min(HOUR_S, until - from) - x);
    return until > from && began < now ? { x, width } : null;
  };
  /** @param {number} began @param {number} until @param {string} look @param {string} words */
  const bar = (began, until, look, words, more = {}) => {
    const at = place(began, until);
    return (
      at &&
      s("rect", { ...at, y: 4, height: TALL - 8, class: look, ...more }, s("title", {}, words))
    );
  };
  const drawing = s(
    "svg",
    {
      viewBox: `0 0 ${HOUR_S} ${TALL}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": t("live.lane", { name, n: entries.length }),
    },
    s("rect", { x: 0, y: 4, width: HOUR_S, height: TALL - 8, class: "lane-ground" }),
    ...gaps.map((one) => {
      const until = one.began_at + one.end_s - one.start_s;
      return bar(one.began_at, until, `gap ${one.kind}`, t(`gap.${one.kind}`));
    }),
    ...outages.map((one) =>
      bar(one.since, one.until ?? now, "outage", t("live.outage", { reason: one.reason })),
    ),
    ...entries.map((one) => {
      const until = one.open ? now : one.began_at + one.end_s - one.start_s;
      const words = `${timeOfDay(one.began_at)} ${called(one.track)}`;
      const look = `hit${one.open ? " open" : ""}${one.ruling === "reject" ? " rejected" : ""}`;
      const shape = bar(one.began_at, until, look, words, {
        hue: hueOf(one.track.id),
        "data-detection": one.id,
      });
      const way = { href: `#/monitor/detection/${one.id}`, tabindex: "-1" };
      return shape && s("a", way, shape);
    }),
  );
  return h(
    "div",
    {},
    drawing,
    h(
      "div",
      { class: "axis small muted number", "aria-hidden": "true" },
      ...Array.from({ length: TICKS + 1 }, (_, i) =>
        h("span", {}, timeOfDay(from + (i * HOUR_S) / TICKS).slice(0, 5)),
      ),
    ),
  );
}
