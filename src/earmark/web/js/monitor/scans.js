/** Scans: what long files play, from their beginning to their end. */

import { call, getJson, withQuery } from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { listen } from "../core/events.js";
import { t } from "../core/i18n.js";
import { announce, show } from "../core/say.js";
import { clock, failure } from "../core/words.js";
import { moment, sourceName } from "./figures.js";
import { hush, listener } from "./listening.js";
import { empty, lacking, may, problem, wrong } from "./may.js";
import { scanForm } from "./scanform.js";
import { result, showSounding } from "./scanresult.js";

const PAGE = 50;
const ENDED = ["done", "failed", "stopped"];
/** @type {Record<string, string>} */
const LOOKS = { done: "accent", failed: "bad", running: "warm", queued: "warm" };

/** @type {string|null} */
let next = null;
/** Scans that go on, and the lines by which they are followed. @type {Map<string, AbortController>} */
const following = new Map();
const list = h("ul", { class: "form", id: "scans", "aria-label": () => t("scan.list") });
const note = h("div", {});
const head = h("div", {});
const more = h(
  "button",
  { type: "button", class: "button", hidden: true, onclick: () => load() },
  () => t("library.more"),
);
const page = h(
  "div",
  { class: "scans" },
  head,
  list,
  note,
  h("div", { class: "row centre" }, more),
);
page.append(listener(() => showSounding(page)));

/** @returns {HTMLElement} */
export function view() {
  return page;
}

/** @param {string} id a scan that the address names */
export async function entered(id) {
  head.replaceChildren(may("write") ? scanForm(begun) : lacking("write"));
  next = null;
  await load(true);
  if (id) await open(id);
}

export function left() {
  hush();
  for (const line of following.values()) line.abort();
  following.clear();
}

/** @param {boolean} [fresh] */
async function load(fresh = false) {
  try {
    const found = await getJson(
      withQuery("/v1/scans", { before: fresh ? null : next, limit: PAGE }),
    );
    next = found.next;
    const held = fresh ? list.querySelector("#scan-result")?.closest("[data-scan-card]") : null;
    const cards = found.scans.map((/** @type {any} */ scan) =>
      held?.dataset.scanCard === scan.id ? held : card(scan),
    );
    if (fresh) list.replaceChildren(...cards);
    else list.append(...cards);
    for (const scan of found.scans) if (!ENDED.includes(scan.state)) follow(scan);
    tell();
  } catch (error) {
    note.replaceChildren(problem(error, "read"));
  }
}

function tell() {
  more.hidden = !next;
  note.replaceChildren(
    ...(list.childElementCount
      ? []
      : [empty("file", () => t("scan.empty"), "earmark scan FILE --html report.html")]),
  );
}

/** @param {any} scan that was just asked for */
function begun(scan) {
  replace(scan);
  announce(t("scan.begun", { name: scan.station }));
  if (ENDED.includes(scan.state)) open(scan.id);
  else follow(scan);
}

/** @param {any} scan */
async function follow(scan) {
  if (following.has(scan.id)) return;
  const line = new AbortController();
  following.set(scan.id, line);
  let found = 0;
  try {
    await listen(`/v1/scans/${encodeURIComponent(scan.id)}/events`, line.signal, {
      opened() {
        found = 0;
      },
      heard(event, data) {
        if (event === "detection") found += 1;
        if (event === "progress") replace(data, found);
        if (event !== "end") return;
        line.abort();
        replace(data, found);
        announce(t("scan.ended", { name: data.station, state: t(`scan.${data.state}`) }));
        if (data.state === "done") open(data.id);
      },
    });
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  } finally {
    if (following.get(scan.id) === line) following.delete(scan.id);
  }
}

/** @param {any} scan @param {number} [found] */
function replace(scan, found = 0) {
  const there = list.querySelector(`[data-scan-card="${CSS.escape(scan.id)}"]`);
  const made = card(scan, found);
  if (!there) list.prepend(made);
  else {
    const held = there.contains(document.activeElement);
    there.replaceWith(made);
    if (held) made.querySelector("button")?.focus();
  }
  tell();
}

/** @param {string} id */
async function open(id) {
  try {
    const scan = await getJson(`/v1/scans/${encodeURIComponent(id)}`);
    for (const one of list.querySelectorAll("#scan-result")) one.remove();
    let there = list.querySelector(`[data-scan-card="${CSS.escape(id)}"]`);
    if (!there) {
      there = card(scan);
      list.prepend(there);
    }
    if (scan.timeline) there.append(result(scan));
    there.querySelector("[data-act=open]")?.setAttribute("aria-expanded", "true");
    there.scrollIntoView({ block: "nearest" });
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}

/** @param {any} scan @param {number} [found] */
function card(scan, found = 0) {
  const going = !ENDED.includes(scan.state);
  const { done_s, duration_s, left_s } = scan.progress;
  const act = (/** @type {string} */ name, /** @type {() => void} */ press, look = "") =>
    h("button", { type: "button", class: `button ${look}`, "data-act": name, onclick: press }, () =>
      t(`scan.${name}`),
    );
  return h(
    "li",
    { class: "card scan", "data-scan-card": scan.id, "data-state": scan.state },
    h(
      "div",
      { class: "row wrap" },
      h("h3", { class: "grow clip" }, scan.station),
      h("span", { class: `chip ${LOOKS[scan.state] ?? ""}` }, () => t(`scan.${scan.state}`)),
      scan.state === "done" && act("open", () => toggle(scan.id)),
      may("write") && act(going ? "stop" : "forget", () => remove(scan.id), going ? "" : "danger"),
    ),
    h("p", { class: "small muted number clip" }, () =>
      [moment(scan.created_at), duration_s ? clock(duration_s) : "", sourceName(scan.source)]
        .filter(Boolean)
        .join(" · "),
    ),
    going &&
      h("progress", {
        max: String(duration_s || 1),
        value: duration_s ? String(done_s) : null,
        "aria-label": () => t("jobs.progress"),
      }),
    going &&
      h("p", { class: "small number" }, () =>
        [
          clock(done_s),
          t("scan.found", { n: found }),
          left_s ? t("jobs.left", { n: Math.ceil(left_s) }) : "",
        ]
          .filter(Boolean)
          .join(" · "),
      ),
    scan.error && h("p", { class: "problem" }, () => failure(scan.error.code, scan.error.message)),
    scan.state === "stopped" &&
      h("p", { class: "small muted" }, icon("info"), () => t("scan.again")),
  );
}

/** @param {string} id */
function toggle(id) {
  const shown = /** @type {HTMLElement|null} */ (list.querySelector("#scan-result"));
  if (shown?.dataset.scan !== id) {
    open(id);
    return;
  }
  hush();
  shown.parentElement?.querySelector("[data-act=open]")?.setAttribute("aria-expanded", "false");
  shown.remove();
}

/** @param {string} id stop it, or forget it once it has ended */
async function remove(id) {
  try {
    const response = await call(`/v1/scans/${encodeURIComponent(id)}`, { method: "DELETE" });
    if (response.status === 202) {
      replace(await response.json());
      return;
    }
    const there = list.querySelector(`[data-scan-card="${CSS.escape(id)}"]`);
    const beside = there?.nextElementSibling ?? there?.previousElementSibling;
    there?.remove();
    tell();
    /** @type {HTMLElement|null} */ (
      beside?.querySelector("button") ?? document.getElementById("scan-station")
    )?.focus();
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}
