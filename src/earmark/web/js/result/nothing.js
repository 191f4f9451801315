/** No match: what was heard and tried, and what may help. */

import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { clock } from "../core/words.js";
import { blankCover } from "../shell/cover.js";
import { tried } from "./details.js";

/**
 * @param {any} answer
 * @param {import("../sound/recording.js").Recording} recording
 * @param {import("./view.js").Actions} actions
 */
export function nothingCard(answer, recording, actions) {
  const heard = answer.query;
  const silent = (answer.reason ?? "").includes("silent");
  const empty = (answer.reason ?? "").includes("library is empty");
  const advice = [];
  if (empty) advice.push("nothing.empty");
  else if (silent) advice.push("nothing.silent");
  else {
    if (heard && heard.duration_s < 6) advice.push("nothing.longer");
    if (heard && heard.level_dbfs < -45) advice.push("nothing.louder");
    if (heard?.clipped) advice.push("nothing.softer");
    advice.push("nothing.closer", "nothing.hum", "nothing.absent");
  }
  const address = URL.createObjectURL(recording.blob);
  return h(
    "article",
    { class: "card result-card nothing", "data-outcome": "no_match" },
    h(
      "header",
      { class: "result-head" },
      blankCover(),
      h(
        "div",
        { class: "grow result-names" },
        h("h2", {}, () => t(empty ? "nothing.title_empty" : "nothing.title")),
        heard &&
          h("p", { class: "muted number" }, () =>
            t("nothing.heard", {
              length: clock(heard.duration_s),
              level: Math.round(heard.level_dbfs),
            }),
          ),
      ),
    ),
    h("ul", { class: "advice" }, ...advice.map((key) => h("li", {}, () => t(key)))),
    recording.blob.size > 0 &&
      h("audio", { controls: true, src: address, "aria-label": () => t("mine") }),
    h(
      "div",
      { class: "result-foot" },
      h(
        "div",
        { class: "row wrap" },
        h(
          "button",
          { type: "button", class: "button primary", onclick: actions.again },
          icon("again"),
          h("span", {}, () => t("result.again")),
        ),
        h(
          "button",
          { type: "button", class: "button", onclick: () => actions.retry("melody") },
          icon("note"),
          h("span", {}, () => t("nothing.as_melody")),
        ),
        h(
          "button",
          { type: "button", class: "button", onclick: () => actions.retry("sound") },
          icon("similar"),
          h("span", {}, () => t("nothing.as_sound")),
        ),
        empty &&
          h(
            "a",
            { class: "button", href: "#/library" },
            icon("upload"),
            h("span", {}, () => t("nothing.add")),
          ),
      ),
    ),
    h(
      "details",
      { class: "more" },
      h(
        "summary",
        {},
        icon("down"),
        h("span", {}, () => t("nothing.tried")),
      ),
      tried(answer),
    ),
  );
}
