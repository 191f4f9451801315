/** A long file to scan: sent from here, or named by its address. */

import { getJson } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { post } from "../core/upload.js";
import { size } from "../core/words.js";
import { field } from "./filters.js";
import { holdFile } from "./listening.js";
import { problem } from "./may.js";

/** @param {(scan: any) => void} made @returns {HTMLElement} */
export function scanForm(made) {
  const picker = h("input", {
    type: "file",
    class: "visually-hidden",
    tabindex: "-1",
    id: "scan-file",
    accept: "audio/*,video/*",
    "aria-label": () => t("scan.file"),
    onchange: () => {
      const [file] = picker.files ?? [];
      picker.value = "";
      if (file) send(file);
    },
  });
  const url = h("input", {
    class: "input",
    id: "scan-url",
    type: "url",
    maxlength: "4000",
    autocomplete: "off",
    placeholder: "https://example.org/friday.mp3",
  });
  const station = h("input", {
    class: "input",
    id: "scan-station",
    maxlength: "200",
    autocomplete: "off",
  });
  const trouble = h("div", {});
  const sending = h("div", { class: "form", hidden: true });
  const node = h(
    "form",
    { class: "card add-form", id: "scan-form", onsubmit: byAddress },
    h("h3", {}, () => t("scan.new")),
    h(
      "div",
      { class: "fields" },
      field(station, () => t("scan.station")),
      field(url, () => t("scan.url")),
      h("button", { type: "submit", class: "button" }, () => t("scan.begin")),
    ),
    h(
      "div",
      { class: "row wrap" },
      h(
        "button",
        { type: "button", class: "button primary", onclick: () => picker.click() },
        icon("upload"),
        h("span", {}, () => t("scan.file")),
      ),
      picker,
      h("p", { class: "small muted grow" }, () => t("scan.about")),
    ),
    sending,
    trouble,
  );

  /** @param {Event} event */
  async function byAddress(event) {
    event.preventDefault();
    trouble.replaceChildren();
    if (!url.value.trim()) {
      url.focus();
      return;
    }
    try {
      const name = station.value.trim();
      const asked = { url: url.value.trim(), ...(name ? { station: name } : {}) };
      made(await getJson("/v1/scans", { method: "POST", json: asked }));
      url.value = "";
    } catch (error) {
      trouble.replaceChildren(problem(error, "write"));
    }
  }

  /** @param {File} file */
  async function send(file) {
    trouble.replaceChildren();
    const bar = h("progress", { max: "1", value: "0", "aria-label": file.name });
    const stop = new AbortController();
    sending.replaceChildren(
      h(
        "div",
        { class: "row" },
        h("span", { class: "grow clip" }, file.name),
        h("span", { class: "small muted number" }, () => size(file.size)),
        h("button", { type: "button", class: "button", onclick: () => stop.abort() }, () =>
          t("cancel"),
        ),
      ),
      bar,
    );
    sending.hidden = false;
    const form = new FormData();
    const name = station.value.trim();
    if (name) form.append("station", name);
    form.append("file", file, file.name);
    try {
      const { body } = await post("/v1/scans", form, stop.signal, (sent, total) => {
        bar.value = total ? sent / total : 0;
      });
      const scan = JSON.parse(body);
      holdFile(scan.id, file);
      made(scan);
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError")
        trouble.replaceChildren(problem(error, "write"));
    } finally {
      sending.hidden = true;
    }
  }
  return node;
}
