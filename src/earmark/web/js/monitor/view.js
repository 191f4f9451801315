/** Monitoring: what was detected and is to be decided, what plays now, scans, sums, rules. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import * as live from "./live.js";
import { look, problem } from "./may.js";
import * as played from "./played.js";
import * as review from "./review.js";
import * as rules from "./rules.js";
import * as scans from "./scans.js";

/** @type {Record<string, {view: () => HTMLElement, entered: (id: string) => void, left: () => void}>} */
const TABS = { review, live, scans, played, rules };
/** Addresses below `#/monitor/` that are a tab of another name. @type {Record<string, string>} */
const ALSO = { "": "review", detection: "review" };

/** @type {string|null} */
let shown = null;
const place = h("div", { class: "monitor-place" });
const tabs = h(
  "nav",
  { class: "segments tabs", "aria-label": () => t("monitor.tabs") },
  ...Object.keys(TABS).map((name) =>
    h("a", { href: name === "review" ? "#/monitor" : `#/monitor/${name}`, "data-tab": name }, () =>
      t(`monitor.${name}`),
    ),
  ),
);
const page = h(
  "div",
  { class: "page monitor", id: "view-monitor" },
  h(
    "header",
    { class: "page-head" },
    h("h1", { class: "grow" }, () => t("nav.monitor")),
    tabs,
  ),
  place,
);

/** @returns {HTMLElement} */
export function view() {
  return page;
}

/** The address may name a tab, and one thing in it. */
export async function entered() {
  const [, , where = "", id = ""] = (location.hash || "#/").split("/");
  const name = where in ALSO ? ALSO[where] : where in TABS ? where : "review";
  if (shown && shown !== name) TABS[shown].left();
  shown = name;
  for (const tab of tabs.children) {
    if (tab.dataset.tab === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  try {
    await look();
  } catch (error) {
    if (shown === name) place.replaceChildren(problem(error, "read"));
    return;
  }
  if (shown !== name) return;
  const tab = TABS[name].view();
  if (place.firstChild !== tab) place.replaceChildren(tab);
  TABS[name].entered(plain(id));
}

/** @param {string} text of an address, which people type too @returns {string} */
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Another place is shown: nothing goes on here. */
export function left() {
  if (shown) TABS[shown].left();
  shown = null;
}
