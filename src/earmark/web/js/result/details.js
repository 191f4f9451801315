/** What was measured, for who wants to know. */

import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { figure } from "../core/words.js";

/** @param {any} answer @param {any} match */
export function details(answer, match) {
  const lines = [
    ["details.confidence", () => `${figure(match.confidence * 100, 1)} %`],
    ["details.tempo", () => `× ${figure(match.time_ratio, 3)}`],
    ["details.pitch", () => t("details.semitones", { n: figure(match.pitch_shift_semitones, 2) })],
    [
      "details.took",
      () =>
        t("details.ms", {
          n: figure(Object.values(answer.timing_ms ?? {}).reduce((sum, ms) => sum + Number(ms), 0)),
        }),
    ],
    ["details.source", () => match.track.source],
    ["details.id", () => match.track.id],
  ];
  const list = h("dl", { class: "facts" });
  for (const [name, value] of lines)
    list.append(
      h("dt", {}, () => t(String(name))),
      h("dd", { class: "number" }, /** @type {() => string} */ (value)),
    );
  for (const [name, value] of Object.entries(match.evidence)) {
    if (typeof value === "number")
      list.append(
        h("dt", {}, name),
        h("dd", { class: "number" }, () => figure(value, 3)),
      );
  }
  return h(
    "details",
    { class: "more" },
    h(
      "summary",
      {},
      icon("down"),
      h("span", {}, () => t("details.name")),
    ),
    list,
    tried(answer),
  );
}

/** @param {any} answer which engines were asked, and what each said */
export function tried(answer) {
  return h(
    "ul",
    { class: "tried small" },
    ...(answer.considered ?? []).map((/** @type {any} */ one) =>
      h(
        "li",
        {},
        h("span", { class: "chip" }, () => t(`kind.${one.mode}`)),
        h("span", { class: "muted" }, () => said(one)),
      ),
    ),
  );
}

/** @param {{skipped?: string, note?: string}} one */
function said({ skipped, note }) {
  if (skipped === "already certain") return t("tried.certain");
  if (skipped === "the clip is silent" || note === "the clip is silent") return t("tried.silent");
  if (skipped === "switched off in this library") return t("tried.off");
  if (skipped) return t("tried.skipped", { why: skipped });
  const best = /^\d+ match(?:es)?(.*)$/.exec(note ?? "");
  const weak = /best only ([\d.]+) likely/.exec(note ?? "");
  if (weak) return t("tried.weak", { n: figure(Number(weak[1]) * 100) });
  if (note === "no match") return t("tried.nothing");
  return best ? t("tried.found", { n: Number.parseInt(note ?? "0", 10) }) : (note ?? "");
}
