/** Settings: language, look, key, shortcuts, and what is stored where. */

import { getJson } from "../core/api.js";
import { h, segments } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { speak, spoken, t } from "../core/i18n.js";
import { forgetKey, heldKey, keyIsKept } from "../core/keys.js";
import { theme, wear } from "../core/theme.js";
import { figure } from "../core/words.js";
import { ask } from "./keydialog.js";

const SHORTCUTS = [
  ["Space", "keys.listen"],
  ["Esc", "keys.stop"],
  ["/", "keys.search"],
  ["1–5", "keys.go"],
  ["↑ ↓", "keys.list"],
  ["E", "keys.edit"],
  ["S", "keys.similar"],
  ["X", "keys.select"],
  ["Del", "keys.delete"],
  ["J K", "keys.queue"],
  ["Y N U", "keys.decide"],
  ["A B X", "keys.sides"],
  ["?", "keys.help"],
];

/** Open the dialog. */
export function openSettings() {
  open(
    () => t("settings.name"),
    (close) => [
      part(
        "settings.language",
        segments(
          () => t("settings.language"),
          [
            { value: "en", text: () => "English" },
            { value: "zh", text: () => "中文" },
          ],
          spoken(),
          (value) => speak(/** @type {any} */ (value)),
        ),
      ),
      part(
        "settings.look",
        segments(
          () => t("settings.look"),
          ["auto", "light", "dark"].map((value) => ({ value, text: () => t(`look.${value}`) })),
          theme(),
          (value) => wear(/** @type {any} */ (value)),
        ),
      ),
      keyPart(close),
      h(
        "section",
        { class: "form" },
        h("h3", {}, () => t("settings.keys")),
        h(
          "dl",
          { class: "facts shortcuts" },
          ...SHORTCUTS.flatMap(([key, words]) => [
            h("dt", {}, h("kbd", {}, key)),
            h("dd", {}, () => t(words)),
          ]),
        ),
      ),
      h(
        "section",
        { class: "form" },
        h("h3", {}, () => t("settings.stored")),
        h("p", { class: "small muted" }, () => t("settings.stored_words")),
      ),
      about(),
    ],
    "settings",
  );
}

/** @param {string} name @param {Node} body */
function part(name, body) {
  return h(
    "section",
    { class: "form" },
    h("h3", {}, () => t(name)),
    h("div", {}, body),
  );
}

/** @param {() => void} close */
function keyPart(close) {
  const held = heldKey() !== null;
  return h(
    "section",
    { class: "form" },
    h("h3", {}, () => t("key.label")),
    h("p", { class: "small muted" }, () =>
      t(held ? (keyIsKept() ? "key.kept" : "key.this_tab") : "key.none"),
    ),
    h(
      "div",
      { class: "row wrap" },
      h(
        "button",
        {
          type: "button",
          class: "button",
          onclick: () => {
            close();
            ask();
          },
        },
        () => t(held ? "key.change" : "key.give"),
      ),
      held &&
        h(
          "button",
          {
            type: "button",
            class: "button danger",
            onclick: () => {
              forgetKey();
              close();
            },
          },
          () => t("key.forget"),
        ),
    ),
  );
}

function about() {
  const words = h("p", { class: "small muted" });
  getJson("/v1", { ask: false })
    .then((facts) => {
      words.replaceChildren(
        h("span", {}, () =>
          t("settings.about", { version: facts.version, tracks: figure(facts.tracks) }),
        ),
        " ",
        h("a", { href: "/docs" }, () => t("settings.api")),
      );
    })
    .catch(() => {});
  return words;
}
