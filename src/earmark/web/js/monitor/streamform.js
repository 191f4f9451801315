/** A stream to watch: what it is called and where it is. */

import { getJson } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { announce } from "../core/say.js";
import { field } from "./filters.js";
import { problem } from "./may.js";

/** @param {(stream: any) => void} added @returns {HTMLElement} */
export function streamForm(added) {
  const name = h("input", {
    class: "input",
    id: "stream-name",
    required: true,
    maxlength: "200",
    autocomplete: "off",
  });
  const url = h("input", {
    class: "input",
    id: "stream-url",
    required: true,
    maxlength: "4000",
    spellcheck: "false",
    autocomplete: "off",
    inputmode: "url",
    placeholder: "https://radio.example.org/live",
  });
  const trouble = h("div", {});
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    trouble.replaceChildren();
    try {
      const asked = { name: name.value.trim(), url: url.value.trim() };
      const stream = await getJson("/v1/streams", { method: "POST", json: asked });
      added(stream);
      name.value = "";
      url.value = "";
      name.focus();
      announce(t("live.added", { name: stream.name }));
    } catch (error) {
      trouble.replaceChildren(problem(error, "admin"));
    }
  };
  return h(
    "form",
    { class: "card add-form", id: "stream-form", onsubmit: send },
    h("h3", {}, () => t("live.add")),
    h(
      "div",
      { class: "fields" },
      field(name, () => t("live.name")),
      field(url, () => t("live.url")),
      h("button", { type: "submit", class: "button primary" }, () => t("live.watch")),
    ),
    trouble,
  );
}
