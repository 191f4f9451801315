/** Jobs: what is being added, how far it is, what became of it. */

import { call, getJson, withQuery } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { show } from "../core/say.js";
import { t } from "../core/i18n.js";
import { clock, date, failure, figure, trouble } from "../core/words.js";
import { follow } from "./stream.js";

const ENDED = ["done", "failed", "cancelled", "canceled"];
const FAILED_SHOWN = 50;
const SCAN = "scan"; // it counts seconds

/** @type {Map<string, AbortController>} */
const following = new Map();
const page = h("div", { class: "page jobs", id: "view-jobs" });
const list = h("ul", { class: "form", id: "jobs", "aria-label": () => t("jobs.name") });
const note = h("div", { class: "list-note" });

/** @returns {HTMLElement} */
export function view() {
  if (page.childElementCount) return page;
  page.append(
    h(
      "header",
      { class: "page-head" },
      h(
        "div",
        { class: "grow" },
        h("h1", {}, () => t("jobs.name")),
        h("p", { class: "muted" }, () => t("jobs.about")),
      ),
    ),
    list,
    note,
  );
  return page;
}

/** Read the list, and follow what is going on. */
export async function entered() {
  try {
    const { jobs } = await getJson(withQuery("/v1/jobs", { limit: 50 }));
    list.replaceChildren(...jobs.map(card));
    for (const job of jobs) if (!ENDED.includes(job.state)) watch(job.id);
    note.replaceChildren(
      ...(jobs.length
        ? []
        : [
            h(
              "div",
              { class: "empty" },
              icon("jobs"),
              h("p", {}, () => t("jobs.empty")),
            ),
          ]),
    );
  } catch (error) {
    note.replaceChildren(h("p", { class: "problem" }, () => trouble(error)));
  }
}

/** Follow a job wherever the reader is; its end is told in a toast. @param {string} id */
export async function watch(id) {
  if (following.has(id)) return;
  const stop = new AbortController();
  following.set(id, stop);
  try {
    const last = await follow(id, stop.signal, replace);
    if (last) ended(last);
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "AbortError")
      show({ text: () => trouble(error), look: "bad" });
  } finally {
    following.delete(id);
  }
}

/** @param {any} job */
function ended(job) {
  replace(job);
  const report = job.report ?? { added: 0, failed: [] };
  show({
    text: () =>
      t(`jobs.toast_${SCAN === job.kind ? SCAN : job.state === "done" ? "done" : "other"}`, {
        n: report.added,
        failed: report.failed.length,
      }),
    look: report.failed.length ? "bad" : "plain",
    action: report.failed.length
      ? {
          text: () => t("upload.see"),
          press: () => {
            location.hash = "#/jobs";
          },
        }
      : undefined,
  });
  document.dispatchEvent(new CustomEvent("earmark:tracks"));
}

/** @param {any} job */
function replace(job) {
  for (const row of list.children) {
    if (row.dataset.job === job.id) {
      const open = row.querySelector("details")?.open;
      const next = card(job);
      if (open) next.querySelector("details")?.setAttribute("open", "");
      row.replaceWith(next);
      return;
    }
  }
  if (page.isConnected) list.prepend(card(job));
}

/** @param {any} job */
function card(job) {
  const going = !ENDED.includes(job.state);
  const { done, total, failed, left_s, source } = job.progress;
  const many = job.kind === SCAN ? clock : figure;
  const look =
    { done: "accent", failed: "bad", running: "warm" }[/** @type {string} */ (job.state)] ?? "";
  return h(
    "li",
    { class: "card job", "data-job": job.id, "data-state": job.state },
    h(
      "div",
      { class: "row wrap" },
      h("h3", { class: "grow" }, () => t(`job.${job.kind}`)),
      h("span", { class: `chip ${look}` }, () => t(`state.${job.state}`)),
      going &&
        h("button", { type: "button", class: "button", onclick: () => cancel(job.id) }, () =>
          t("jobs.cancel"),
        ),
    ),
    h("p", { class: "small muted number" }, () => date(job.created_at)),
    going &&
      h("progress", {
        max: String(total || 1),
        value: String(done),
        "aria-label": t("jobs.progress"),
      }),
    h("p", { class: "small number" }, () =>
      [
        total ? t("jobs.count", { done: many(done), total: many(total) }) : "",
        failed ? t("jobs.failed", { n: failed }) : "",
        going && left_s ? t("jobs.left", { n: Math.ceil(left_s) }) : "",
      ]
        .filter(Boolean)
        .join(" · "),
    ),
    going && source && h("p", { class: "small muted clip" }, String(source).split(/[\\/]/).pop()),
    job.error && h("p", { class: "problem" }, () => failure(job.error.code, job.error.message)),
    job.report &&
      !going &&
      h("p", { class: "small muted" }, () =>
        job.kind === SCAN
          ? t("jobs.heard", { length: clock(job.report.audio_s) })
          : t("jobs.report", {
              added: figure(job.report.added),
              unchanged: figure(job.report.unchanged),
            }),
      ),
    job.report?.failed.length ? failures(job.report.failed) : null,
  );
}

/** @param {{input: string, code: string, message: string}[]} failed */
function failures(failed) {
  return h(
    "details",
    { class: "more" },
    h(
      "summary",
      {},
      icon("down"),
      h("span", {}, () => t("jobs.failed", { n: failed.length })),
    ),
    h(
      "ul",
      { class: "failures small" },
      ...failed.slice(0, FAILED_SHOWN).map(({ input, code, message }) =>
        h(
          "li",
          {},
          h("strong", {}, String(input).split(/[\\/]/).pop() ?? ""),
          h("span", { class: "muted" }, () => failure(code, message)),
        ),
      ),
    ),
  );
}

/** @param {string} id */
async function cancel(id) {
  try {
    replace(await (await call(`/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" })).json());
  } catch (error) {
    show({ text: () => trouble(error), look: "bad" });
  }
}
