/** Adding files: one goes straight in, many become a job; each with its progress. */

import { ApiError } from "../core/api.js";
import { h, icon, iconButton } from "../core/dom.js";
import { show } from "../core/say.js";
import { t } from "../core/i18n.js";
import { post } from "../core/upload.js";
import { size, titleOf, trouble } from "../core/words.js";

const SHOWN = 30;
/** What a browser has no type for, or calls by another: scores, and some audio. */
const NAMES =
  /\.(abc|midi?|musicxml|mxl|xml|krn|opus|flac|ogg|oga|wav|mp3|m4a|aac|wma|aiff?|ape|wv|mka|weba|m3u8?|pls)$/i;
const panel = h("section", { class: "uploads", "aria-label": () => t("upload.name") });
let added = () => {};

/** @param {() => void} refresh called when the library holds more */
export function uploadPanel(refresh) {
  added = refresh;
  return panel;
}

/** @param {File} file @returns {boolean} whether the service may take it */
const fits = ({ name, type }) => /^(audio|video)\//.test(type) || NAMES.test(name);

/** @param {File[]} chosen what is neither audio nor a score is left out, and said */
export async function upload(chosen) {
  const files = chosen.filter(fits);
  const names = chosen.filter((file) => !fits(file)).map((file) => file.name);
  if (names.length)
    show({
      text: () =>
        t("upload.left_out", {
          names: names.slice(0, 3).join(", ") + (names.length > 3 ? "…" : ""),
        }),
      look: "bad",
      stay_ms: 10000,
    });
  if (files.length) await send(files);
}

/** @param {File[]} files */
async function send(files) {
  const stop = new AbortController();
  const bars = files.map((file) => ({
    file,
    bar: h("progress", { max: "1", value: "0", "aria-label": file.name }),
    words: h("span", { class: "small muted number" }, size(file.size)),
  }));
  const close = iconButton(
    "close",
    () => t("upload.stop"),
    () => stop.abort(),
  );
  const title = h("h3", { class: "grow", role: "status" }, () =>
    t("upload.sending", { n: files.length }),
  );
  const card = h(
    "div",
    { class: "card upload" },
    h("div", { class: "row" }, icon("upload"), title, close),
    h(
      "ul",
      { class: "form" },
      ...bars
        .slice(0, SHOWN)
        .map(({ file, bar, words }) =>
          h(
            "li",
            {},
            h("div", { class: "row" }, h("span", { class: "grow clip" }, file.name), words),
            bar,
          ),
        ),
    ),
    files.length > SHOWN &&
      h("p", { class: "small muted" }, () => t("upload.more", { n: files.length - SHOWN })),
  );
  panel.append(card);
  try {
    const form = new FormData();
    for (const file of files) form.append("file", file, file.name);
    const whole = files.reduce((sum, file) => sum + file.size, 0);
    const { status, body } = await post(
      files.length === 1 ? "/v1/tracks" : "/v1/jobs",
      form,
      stop.signal,
      (sent, total) => {
        spread(bars, total ? (sent / total) * whole : 0);
        if (sent >= total)
          title.replaceChildren(h("span", {}, () => t("upload.analysing", { n: files.length })));
      },
    );
    const made = JSON.parse(body);
    card.remove();
    if (files.length === 1) {
      show({
        text: () => t(status === 201 ? "upload.added" : "upload.known", { title: titleOf(made) }),
      });
    } else {
      show({
        text: () => t("upload.job", { n: files.length }),
        action: {
          text: () => t("upload.see"),
          press: () => {
            location.hash = "#/jobs";
          },
        },
      });
      document.dispatchEvent(new CustomEvent("earmark:jobs", { detail: made.id }));
    }
    added();
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") {
      card.remove();
      return;
    }
    title.replaceChildren(h("span", {}, () => t("upload.failed")));
    const detail = error instanceof ApiError ? error.detail : "";
    card.append(
      h(
        "div",
        { class: "problem", role: "alert" },
        h("p", {}, () => trouble(error)),
        detail && h("p", { class: "small" }, detail),
      ),
    );
    close.addEventListener("click", () => card.remove());
  }
}

/**
 * The files go one after another: give each its share of the bytes.
 * @param {{file: File, bar: HTMLProgressElement}[]} bars
 * @param {number} sent_bytes
 */
function spread(bars, sent_bytes) {
  let left = sent_bytes;
  for (const { file, bar } of bars) {
    bar.value = file.size ? Math.min(1, Math.max(0, left / file.size)) : 1;
    left -= file.size;
  }
}
