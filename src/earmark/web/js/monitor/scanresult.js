/** What a scan found: drawn, listed, to hear and to take along. */

import { h, icon, iconButton, swapIcon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { certainty, clock, figure } from "../core/words.js";
import { called, range } from "./figures.js";
import { hasFile, holdFile, playRange, sounding } from "./listening.js";
import { save } from "./saving.js";
import { drawn, gapAsked, hitAsked } from "./scantimeline.js";

const FORMS = ["csv", "xlsx", "cue", "srt", "audacity", "html"];
const SHOWN = 1000;

/** @param {any} scan with its timeline @returns {HTMLElement} */
export function result(scan) {
  const { timeline } = scan;
  const play = (/** @type {any} */ asked) => playRange(scan.id, asked);
  const picker = h("input", {
    type: "file",
    class: "visually-hidden",
    tabindex: "-1",
    accept: "audio/*,video/*",
    id: "scan-hear-file",
    "aria-label": () => t("scan.hear_file"),
    onchange: () => {
      const [file] = picker.files ?? [];
      if (!file) return;
      holdFile(scan.id, file);
      node.replaceWith(result(scan));
    },
  });
  const own = hasFile(scan.id);
  const node = h(
    "div",
    { class: "scan-result", id: "scan-result", "data-scan": scan.id },
    h("p", { class: "muted" }, () =>
      t("scan.summary", {
        n: timeline.detections.length,
        played: clock(timeline.played_s),
        length: clock(timeline.duration_s),
        percent: figure((100 * timeline.played_s) / Math.max(timeline.duration_s, 0.001)),
      }),
    ),
    drawn(timeline, play),
    h(
      "div",
      { class: "row wrap" },
      h("span", { class: "small muted" }, () => t("scan.save_as")),
      ...FORMS.map((form) =>
        h(
          "button",
          {
            type: "button",
            class: "button small-button",
            "data-form": form,
            onclick: () => save(`/v1/scans/${encodeURIComponent(scan.id)}?form=${form}`, form),
          },
          FORM_NAMES[form],
        ),
      ),
    ),
    h(
      "div",
      { class: "row wrap" },
      h("p", { class: "small muted grow" }, () => t(own ? "scan.hear_all" : "scan.hear_clips")),
      h("button", { type: "button", class: "button", onclick: () => picker.click() }, () =>
        t("scan.hear_file"),
      ),
      picker,
    ),
    ...timeline.warnings.map((/** @type {string} */ one) => h("p", { class: "small warm" }, one)),
    table(timeline, play, own),
  );
  return node;
}

/** @type {Record<string, string>} */
const FORM_NAMES = {
  csv: "CSV",
  xlsx: "Excel",
  cue: "CUE",
  srt: "SRT",
  audacity: "Audacity",
  html: "HTML",
};

/** @param {any} timeline @param {(asked: any) => void} play @param {boolean} own */
function table(timeline, play, own) {
  const rows = [
    ...timeline.detections.map((/** @type {any} */ one) => ({ one, at: one.start_s })),
    ...timeline.gaps.map((/** @type {any} */ gap) => ({ gap, at: gap.start_s })),
  ].sort((a, b) => a.at - b.at);
  const heads = ["scan.when", "scan.what", "scan.sure", "scan.hear"];
  return h(
    "div",
    { class: "table-room", tabindex: "0", role: "region", "aria-label": () => t("scan.table") },
    h(
      "table",
      { class: "table" },
      h("thead", {}, h("tr", {}, ...heads.map((key) => h("th", { scope: "col" }, () => t(key))))),
      h("tbody", {}, ...rows.slice(0, SHOWN).map((row) => tableRow(row, play, own))),
    ),
  );
}

/** @param {any} row @param {(asked: any) => void} play @param {boolean} own */
function tableRow({ one, gap }, play, own) {
  const asked = one ? hitAsked(one) : gapAsked(gap);
  const name = one ? called(one.track) : "";
  const label = () => t("scan.play", { name: name || t(`gap.${gap.kind}`), range: range(asked) });
  const button = iconButton("play", label, () => play(asked));
  button.dataset.range = asked.key;
  return h(
    "tr",
    one ? { "data-detection": one.id } : { class: "muted", "data-gap": gap.kind },
    h("td", { class: "number" }, range(asked)),
    h(
      "td",
      {},
      one
        ? h("a", { href: `#/monitor/detection/${one.id}` }, name)
        : h("span", {}, () => t(`gap.${gap.kind}`) + (gap.group ? ` · ${t("scan.repeat")}` : "")),
    ),
    h("td", {}, one ? h("span", {}, () => t(`certainty.${certainty(one.confidence)}`)) : "–"),
    h("td", {}, one || own ? button : icon("lost")),
  );
}

/** Show which stretch sounds. @param {HTMLElement} place */
export function showSounding(place) {
  for (const button of place.querySelectorAll("[data-range]")) {
    const here = /** @type {HTMLElement} */ (button).dataset.range === sounding();
    swapIcon(button, here ? "pause" : "play");
  }
}
