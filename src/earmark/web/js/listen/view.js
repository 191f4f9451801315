/** The first page: one big button, and what became of pressing it. */

import { ApiError, call } from "../core/api.js";
import { announce, show } from "../core/say.js";
import { h, icon, segments, swapIcon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { titleOf, trouble } from "../core/words.js";
import { NoSoundError, tabsCanBeHeard } from "../sound/capture.js";
import { stopOthers } from "../sound/deck.js";
import { showAnswer } from "../result/view.js";
import { keep } from "../history/store.js";
import { identify } from "./identify.js";
import { Ring } from "./ring.js";
import { Session } from "./session.js";

const MODES = ["auto", "recording", "melody", "sound"];

/** @type {Session|null} */
let session = null;
let mode = "auto";
/** @type {AbortController|null} */
let asking = null;

const canvas = h("canvas", { class: "ring", "aria-hidden": "true" });
const ring = new Ring(canvas);
const buttonWords = h("span", { class: "listen-words" }, () =>
  t(session ? "listen.stop" : "listen.start"),
);
const button = h(
  "button",
  {
    type: "button",
    class: "listen-button",
    id: "listen-button",
    "aria-describedby": "listen-status",
    onclick: press,
  },
  icon("wave"),
  buttonWords,
);
const status = h("p", {
  class: "listen-status",
  id: "listen-status",
  role: "status",
  "aria-live": "polite",
});
const hint = h("p", { class: "listen-hint", "aria-live": "polite" });
const result = h("section", {
  class: "result-place",
  id: "result",
  tabindex: "-1",
  "aria-label": () => t("result.name"),
});
const picker = h("input", {
  type: "file",
  class: "visually-hidden",
  tabindex: "-1",
  accept: "audio/*,video/*,.opus,.flac,.mid,.ogg,.weba",
  "aria-label": () => t("listen.file"),
  onchange: picked,
});
const page = h("div", { class: "page listen", id: "view-listen" });

/** @type {() => string} */
let saying = () => t("listen.invite");

/** Show a state in words. @param {() => string} words @param {string} [look] */
function tell(words, look = "") {
  saying = words;
  status.replaceChildren(h("span", {}, () => saying()));
  status.className = `listen-status ${look}`;
}

/** @returns {HTMLElement} the page; made once */
export function view() {
  if (page.childElementCount) return page;
  tell(() => t("listen.invite"));
  const tab =
    tabsCanBeHeard() &&
    h(
      "button",
      { type: "button", class: "button quiet", onclick: () => listen("tab") },
      icon("tab"),
      h("span", {}, () => t("listen.tab")),
    );
  page.append(
    h(
      "section",
      { class: "hero" },
      h("h1", { class: "hero-title" }, () => t("listen.title")),
      h(
        "div",
        { class: "stage" },
        canvas,
        h("div", { class: "halo", "aria-hidden": "true" }),
        button,
      ),
      h("div", { class: "stage-words" }, status, hint),
      h(
        "div",
        { class: "stage-more" },
        segments(
          () => t("mode.name"),
          MODES.map((value) => ({ value, text: () => t(`mode.${value}`) })),
          mode,
          (value) => {
            mode = value;
          },
        ),
        h(
          "div",
          { class: "row wrap centre" },
          h(
            "button",
            { type: "button", class: "button quiet", onclick: () => picker.click() },
            icon("file"),
            h("span", {}, () => t("listen.file")),
          ),
          tab,
          picker,
        ),
      ),
    ),
    result,
  );
  return page;
}

function press() {
  if (session) session.stop();
  else if (asking) leave();
  else listen("microphone");
}

/** Stop whatever goes on; Esc. @returns {boolean} whether anything did */
export function leave() {
  if (!session && !asking) return false;
  session?.leave();
  asking?.abort();
  return true;
}

/** @param {boolean} on */
function busy(on) {
  page.classList.toggle("is-busy", on);
  swapIcon(button, on ? "stop" : "wave");
  buttonWords.firstChild.data = t(on ? "listen.stop" : "listen.start");
}

/** Show what came: the card takes the stage. */
function present(/** @type {any} */ answer, /** @type {any} */ recording) {
  page.classList.add("has-result");
  showAnswer(result, answer, recording, {
    again: () => listen("microphone"),
    retry: (next) => ask(recording.blob, recording.name, next),
  });
  const best = answer.matches[0];
  tell(() => t(!best ? "listen.nothing" : best.kind === "sound" ? "listen.alike" : "listen.found"));
  if (!page.isConnected) {
    show({
      text: () => saying(),
      action: {
        text: () => t("upload.see"),
        press: () => {
          location.hash = "#/";
        },
      },
    });
  }
  result.focus({ preventScroll: true });
  if (page.isConnected) scrollTo({ top: 0, behavior: "smooth" });
  keep(answer, recording);
}

/** Show an answer of the history again. @param {any} answer @param {any} recording */
export function recallAnswer(answer, recording) {
  view();
  page.classList.add("has-result");
  tell(() => t("listen.recalled"));
  showAnswer(result, answer, recording, {
    again: () => listen("microphone"),
    retry: (next) => ask(recording.blob, recording.name, next),
  });
  result.focus({ preventScroll: true });
}

/** @param {"microphone"|"tab"} source */
async function listen(source) {
  if (session || asking) return;
  stopOthers({ pause() {} });
  hint.textContent = "";
  session = new Session(source, mode, {
    state: (state) => {
      ring.become(state === "listening" ? "listening" : "thinking");
      page.dataset.state = state;
      tell(() => t(`listen.${state}`));
    },
    loud: (level) => ring.hear(level),
    verdict: (verdict) => {
      if (page.dataset.state === "listening")
        tell(() => t(`level.${verdict}`), verdict === "ok" ? "" : "warn");
    },
    partial: (answer) => {
      const best = answer.matches[0];
      hint.textContent = best ? t("listen.perhaps", { title: titleOf(best.track) }) : "";
    },
    progress: (part) => {
      ring.progress = part;
    },
  });
  busy(true);
  page.classList.add("is-listening");
  try {
    const heard = await session.run();
    if (heard) present(heard.answer, heard.recording);
    else tell(() => t("listen.invite"));
  } catch (error) {
    fail(error);
  } finally {
    session = null;
    page.classList.remove("is-listening");
    ring.become("idle");
    hint.textContent = "";
    busy(false);
    delete page.dataset.state;
  }
}

function picked() {
  const file = picker.files?.[0];
  picker.value = "";
  if (file) ask(file, file.name);
}

/**
 * Ask about a file.
 * @param {Blob} blob @param {string} name @param {string} [as] the mode
 */
export async function ask(blob, name, as = mode) {
  if (session || asking) return;
  asking = new AbortController();
  busy(true);
  ring.become("thinking");
  tell(() => t("listen.reading", { name: name || t("mine") }));
  try {
    const answer = await identify(blob, name, as, asking.signal, (part) => {
      ring.progress = part;
    });
    present(answer, { blob, name, from: name ? "file" : "microphone" });
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") tell(() => t("listen.invite"));
    else fail(error);
  } finally {
    asking = null;
    ring.become("idle");
    busy(false);
  }
}

/** @param {unknown} error */
function fail(error) {
  const words = () => (error instanceof NoSoundError ? t(`mic.${error.code}`) : trouble(error));
  if (error instanceof ApiError && error.status === 401) call("/v1/tracks?limit=1").catch(() => {}); // asks for the key
  if (error instanceof NoSoundError && error.code === "left") tell(() => t("listen.invite"));
  else {
    tell(words, "bad");
    announce(words());
  }
}
