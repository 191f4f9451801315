/** Several tracks at once: tag them, or remove them. */

import { call, trackPath } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { show } from "../core/say.js";
import { t } from "../core/i18n.js";
import { trouble } from "../core/words.js";
import { removeSoon } from "./remove.js";

/** The tracks that are ticked, by id. @type {Map<string, any>} */
export const picked = new Map();

/** @param {HTMLElement} list @param {() => void} refresh */
export function selectionBar(list, refresh) {
  const words = h("p", { class: "grow" });
  const bar = h(
    "div",
    {
      class: "card selection row wrap",
      hidden: true,
      role: "toolbar",
      "aria-label": () => t("select.name"),
    },
    words,
    h(
      "button",
      { type: "button", class: "button", onclick: () => tag(refresh) },
      icon("edit"),
      h("span", {}, () => t("select.tag")),
    ),
    h(
      "button",
      {
        type: "button",
        class: "button danger",
        onclick: () => {
          removeSoon([...picked.values()], list, () => {});
          clear();
        },
      },
      icon("delete"),
      h("span", {}, () => t("select.delete")),
    ),
    h("button", { type: "button", class: "button quiet", onclick: clear }, () => t("select.clear")),
  );
  function look() {
    bar.hidden = picked.size === 0;
    list.classList.toggle("picking", picked.size > 0);
    words.replaceChildren(h("strong", {}, () => t("select.count", { n: picked.size })));
  }
  function clear() {
    picked.clear();
    for (const tick of list.querySelectorAll("input.pick"))
      /** @type {HTMLInputElement} */ (tick).checked = false;
    look();
  }
  document.addEventListener("earmark:picked", look);
  return bar;
}

/** @param {() => void} refresh */
async function tag(refresh) {
  const field = h("input", {
    class: "input",
    id: "tag-many",
    "data-first": true,
    autocomplete: "off",
  });
  const words = await open(
    () => t("select.tag_title", { n: picked.size }),
    (close) => [
      h(
        "form",
        {
          class: "form",
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            close(field.value);
          },
        },
        h(
          "div",
          { class: "field" },
          h("label", { for: "tag-many" }, () => t("edit.tags")),
          field,
          h("p", { class: "small muted" }, () => t("edit.tags_hint")),
        ),
        h(
          "div",
          { class: "dialog-foot" },
          h("button", { type: "submit", class: "button primary" }, () => t("select.tag")),
        ),
      ),
    ],
  );
  const tags = String(words ?? "")
    .split(/[,，、]/)
    .map((one) => one.trim())
    .filter(Boolean);
  if (!tags.length) return;
  let done = 0;
  for (const track of picked.values()) {
    try {
      await call(trackPath(track.id), {
        method: "PATCH",
        json: { tags: [...new Set([...track.tags, ...tags])] },
      });
      done += 1;
    } catch (error) {
      show({ text: () => trouble(error), look: "bad" });
    }
  }
  show({ text: () => t("select.tagged", { n: done }) });
  picked.clear();
  document.dispatchEvent(new CustomEvent("earmark:picked"));
  refresh();
}
