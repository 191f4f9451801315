/** What stays around every view: the name, the ways, the switches. */

import { h, icon, iconButton } from "../core/dom.js";
import { speak, spoken, t } from "../core/i18n.js";
import { theme, wear } from "../core/theme.js";
import { openSettings } from "./settings.js";

export const WAYS = [
  { hash: "#/", name: "listen", icon: "mic" },
  { hash: "#/library", name: "library", icon: "library" },
  { hash: "#/jobs", name: "jobs", icon: "jobs" },
  { hash: "#/history", name: "history", icon: "history" },
  { hash: "#/monitor", name: "monitor", icon: "monitor" },
];

/** @param {HTMLElement} main @returns {HTMLElement[]} */
export function frame(main) {
  const skip = h(
    "a",
    {
      class: "skip",
      href: "#main",
      onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        main.focus();
      },
    },
    () => t("skip"),
  );
  const ways = h(
    "nav",
    { class: "ways", "aria-label": () => t("nav.name") },
    ...WAYS.map((way) =>
      h(
        "a",
        { href: way.hash, "data-way": way.name },
        icon(way.icon),
        h("span", {}, () => t(`nav.${way.name}`)),
      ),
    ),
  );
  const dark = () =>
    theme() === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : theme() === "dark";
  const look = iconButton(
    "moon",
    () => t("look.switch"),
    () => wear(dark() ? "light" : "dark"),
  );
  look.id = "theme-switch";
  const language = h(
    "button",
    {
      type: "button",
      class: "button quiet language",
      id: "language-switch",
      lang: () => (spoken() === "zh" ? "en" : "zh-CN"),
      "aria-label": () => t("language.switch"),
      onclick: () => speak(spoken() === "zh" ? "en" : "zh"),
    },
    () => t("language.other"),
  );
  const top = h(
    "header",
    { class: "top" },
    h(
      "a",
      { class: "brand", href: "#/", "aria-label": () => t("brand") },
      icon("mark"),
      h("span", {}, "earmark"),
    ),
    ways,
    h(
      "div",
      { class: "row tools" },
      language,
      look,
      iconButton("settings", () => t("settings.name"), openSettings),
    ),
  );
  const lookNow = () =>
    look
      .querySelector("use")
      ?.setAttribute("href", `/static/icons/sprite.svg#${dark() ? "sun" : "moon"}`);
  document.addEventListener("earmark:look", lookNow);
  lookNow();
  return [skip, top];
}

/** @param {string} name of the way that was gone */
export function mark(name) {
  for (const link of document.querySelectorAll("[data-way]")) {
    if (/** @type {HTMLElement} */ (link).dataset.way === name)
      link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = name === "listen" ? "earmark" : `${t(`nav.${name}`)} · earmark`;
}
