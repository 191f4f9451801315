/** What was asked in this browser. */

import { arrows } from "../core/arrows.js";
import { h, icon, iconButton } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { t } from "../core/i18n.js";
import { certainty, date, titleOf } from "../core/words.js";
import { blankCover, cover } from "../shell/cover.js";
import { entries, forget, forgetAll } from "./store.js";

/** @type {(answer: any, recording: any) => void} */
let recallAnswer = () => {};
const page = h("div", { class: "page history", id: "view-history" });
const list = h("ul", { class: "list", id: "history", "aria-label": () => t("history.name") });
const note = h("div", { class: "list-note" });
const clear = h(
  "button",
  { type: "button", class: "button danger", hidden: true, onclick: clearAll },
  icon("delete"),
  h("span", {}, () => t("history.clear")),
);

/** @param {typeof recallAnswer} show what opening an entry does */
export function view(show) {
  recallAnswer = show;
  if (page.childElementCount) return page;
  arrows(list);
  page.append(
    h(
      "header",
      { class: "page-head" },
      h(
        "div",
        { class: "grow" },
        h("h1", {}, () => t("history.name")),
        h("p", { class: "muted" }, () => t("history.about")),
      ),
      clear,
    ),
    list,
    note,
  );
  document.addEventListener("earmark:history", () => {
    if (page.isConnected) entered();
  });
  return page;
}

/** Read it again. */
export async function entered() {
  const all = await entries();
  list.replaceChildren(...all.map(row));
  clear.hidden = !all.length;
  note.replaceChildren(
    ...(all.length
      ? []
      : [
          h(
            "div",
            { class: "empty" },
            icon("history"),
            h("p", {}, () => t("history.empty")),
          ),
        ]),
  );
}

/** @param {import("./store.js").Entry} entry */
function row(entry) {
  const match = entry.answer.matches[0];
  const title = match ? titleOf(match.track) : "";
  const word = match && certainty(match.confidence);
  return h(
    "li",
    { class: "list-row" },
    match ? cover(match.track, "small") : blankCover(),
    h(
      "button",
      {
        type: "button",
        class: "row-main",
        "data-stop": true,
        onclick: () => {
          location.hash = "#/";
          recallAnswer(entry.answer, entry.recording);
        },
      },
      h("span", { class: "clip row-title" }, match ? title : () => t("nothing.title")),
      h("span", { class: "clip small muted number" }, () =>
        [
          match?.track.artist,
          date(entry.at_ms),
          entry.recording.name || t(`from.${entry.recording.from}`),
        ]
          .filter(Boolean)
          .join(" · "),
      ),
    ),
    word && h("span", { class: `chip sure ${word}` }, () => t(`certainty.${word}`)),
    iconButton(
      "delete",
      () => t("history.forget"),
      async () => {
        await forget(Number(entry.id));
        entered();
      },
    ),
  );
}

async function clearAll() {
  const sure = await open(
    () => t("history.clear"),
    (close) => [
      h("p", {}, () => t("history.clear_sure")),
      h(
        "div",
        { class: "dialog-foot" },
        h(
          "button",
          {
            type: "button",
            class: "button quiet",
            "data-first": true,
            onclick: () => close(false),
          },
          () => t("cancel"),
        ),
        h("button", { type: "button", class: "button danger", onclick: () => close(true) }, () =>
          t("history.clear"),
        ),
      ),
    ],
  );
  if (!sure) return;
  await forgetAll();
  entered();
}
