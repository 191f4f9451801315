/** The review desk: one detection after another, heard, compared and decided. */

import { getJson } from "../core/api.js";
import { arrows } from "../core/arrows.js";
import { h, icon } from "../core/dom.js";
import { listen } from "../core/events.js";
import { t } from "../core/i18n.js";
import { announce, show } from "../core/say.js";
import { figure, titleOf } from "../core/words.js";
import { decisions, send } from "./decide.js";
import { filters } from "./filters.js";
import { facts, trail } from "./focus.js";
import { empty, may, problem, wrong } from "./may.js";
import { Queue } from "./queue.js";
import { reviewKeys } from "./reviewkeys.js";
import { reviewRow } from "./reviewrow.js";
import { sides } from "./sides.js";

const queue = new Queue();
/** @type {string|null} the detection in focus */
let chosen = null;
/** @type {ReturnType<typeof sides>|null} */
let sound = null;
/** @type {string[]} what was decided here, in order */
const decided = [];
let busy = false;
let fresh = 0; // detections that came since the list was read
/** @type {AbortController|null} */
let line = null;

const list = h("ol", { class: "list queue", id: "queue", "aria-label": () => t("review.queue") });
const count = h("p", { class: "small muted number", id: "queue-count", role: "status" });
const news = h(
  "button",
  { type: "button", class: "button", id: "queue-news", hidden: true, onclick: () => read() },
  () => t("review.fresh", { n: fresh }),
);
const more = h("button", { type: "button", class: "button", hidden: true, onclick: goOn }, () =>
  t("library.more"),
);
const card = h("section", {
  class: "card review-card",
  id: "review-focus",
  "aria-labelledby": "review-title",
});
const ways = decisions((ruling) => decide(ruling));
const undo = h(
  "button",
  {
    type: "button",
    class: "button quiet",
    id: "review-undo",
    disabled: true,
    "aria-keyshortcuts": "Z",
    onclick: again,
  },
  icon("again"),
  h("span", {}, () => t("review.undo")),
  h("kbd", { "aria-hidden": "true" }, "Z"),
);
const help = h("p", { class: "small muted", id: "review-keys" }, () => t("review.keys"));
const choice = filters((wanted) => {
  queue.wanted = wanted;
  read();
});
const desk = h(
  "div",
  { class: "desk" },
  h("div", { class: "desk-list" }, h("div", { class: "row wrap" }, count, news), list, more, help),
  card,
);
const page = h("div", { class: "review" }, choice.node, desk);

arrows(list);

/** @returns {HTMLElement} */
export function view() {
  return page;
}

/** @param {string} id a detection that the address names */
export async function entered(id) {
  ways.enter();
  keys.on();
  follow();
  choice.stations().catch(() => {});
  await read();
  if (id) await open(id);
}

/** The page shows something else. */
export function left() {
  keys.off();
  line?.abort();
  line = null;
  sound?.close();
  sound = null;
  chosen = null;
}

/** Read the queue from its start; what is in focus stays if it is still there. */
async function read() {
  try {
    if (!(await queue.begin())) return;
    fresh = 0;
    lay();
    const at = chosen ? queue.find(chosen) : -1;
    if (at < 0) pick(queue.rows.length ? 0 : -1);
  } catch (error) {
    list.replaceChildren();
    card.replaceChildren(problem(error, "read"));
  }
}

/** @param {string} id it need not be in the queue */
async function open(id) {
  try {
    if (queue.find(id) < 0) {
      queue.rows.unshift(await getJson(`/v1/detections/${encodeURIComponent(id)}`));
      lay();
    }
    pick(queue.find(id), true);
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}

async function goOn() {
  try {
    if (await queue.goOn()) lay();
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}

/** Draw the list; the row that has the keyboard's focus keeps it. */
function lay() {
  const held = document.activeElement?.closest?.("[data-detection]");
  const id = list.contains(held ?? null) ? /** @type {any} */ (held).dataset.detection : null;
  list.replaceChildren(
    ...queue.rows.map((row) =>
      reviewRow(row, row.id === chosen, () => pick(queue.find(row.id), true)),
    ),
  );
  if (id) list.querySelector(`[data-detection="${CSS.escape(id)}"] [data-stop]`)?.focus();
  more.hidden = !queue.more;
  news.hidden = fresh === 0;
  news.textContent = t("review.fresh", { n: fresh });
  count.replaceChildren(
    h("span", {}, () => {
      const n = queue.rows.filter((row) => row.ruling === null).length;
      return t("review.count", { n, shown: figure(n) + (queue.more ? "+" : "") });
    }),
  );
}

/**
 * Bring a detection into focus.
 * @param {number} at -1: none is left
 * @param {boolean} [enter] the keyboard goes there too
 */
function pick(at, enter = false) {
  sound?.close();
  sound = null;
  const entry = queue.rows[at];
  chosen = entry?.id ?? null;
  if (entry) {
    sound = sides(entry);
    undo.disabled = decided.length === 0;
    card.dataset.detection = entry.id;
    card.replaceChildren(...facts(entry), sound.node, ways.node, h("div", {}, undo), trail(entry));
  } else {
    delete card.dataset.detection;
    card.replaceChildren(nothing());
  }
  for (const row of list.children) {
    const here = row.dataset.detection === chosen;
    row.querySelector("[data-stop]")?.setAttribute("aria-current", String(here));
    if (here) row.scrollIntoView({ block: "nearest" });
  }
  if (enter) document.getElementById("review-title")?.focus();
}

function nothing() {
  const { station, action, ruling, text, since } = queue.wanted;
  const narrowed = station || action || text || since || ruling !== "none";
  const done = decided.length > 0 || narrowed;
  return h(
    "div",
    {},
    h("h2", { id: "review-title", tabindex: "-1" }, () =>
      t(done ? "review.all_done" : "review.none_yet"),
    ),
    empty(
      done ? "check" : "monitor",
      () => t(narrowed ? "review.none_found" : done ? "review.done_words" : "review.empty"),
      done ? "" : "earmark scan FILE",
    ),
    decided.length ? undo : null,
  );
}

/** @param {string} ruling of the detection in focus */
async function decide(ruling) {
  const at = chosen ? queue.find(chosen) : -1;
  if (at < 0 || busy || !may("write")) return;
  busy = true;
  try {
    const entry = await send(queue.rows[at], ruling, ways.note());
    queue.rows[at] = entry;
    decided.push(entry.id);
    ways.clear();
    if (queue.undecided(at) < 0 && queue.more) await queue.goOn().catch(() => {});
    const next = queue.undecided(at);
    lay();
    pick(next, true);
    undo.disabled = false;
    const following = next < 0 ? t("review.all_done") : titleOf(queue.rows[next].track);
    announce(t("review.announce", { done: t(`ruling.${ruling}`), title: following }));
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  } finally {
    busy = false;
  }
}

/** Back to what was decided last, to decide it again; the trail keeps both. */
function again() {
  const id = decided.pop();
  if (id) open(id);
}

/** Others decide too, and detections come: both show. */
function follow() {
  if (line) return;
  const mine = new AbortController();
  line = mine;
  const heard = (/** @type {string} */ _, /** @type {any} */ entry) => hear(entry);
  listen("/v1/detections/events", mine.signal, { heard }).catch(() => {
    if (line === mine) line = null; // with another key it is tried again
  });
}

/** @param {any} entry that is new or has changed */
function hear(entry) {
  const at = queue.find(entry.id);
  if (at < 0) {
    if (entry.ruling !== null) return;
    fresh += 1;
    lay();
    return;
  }
  const before = queue.rows[at];
  if (JSON.stringify(before) === JSON.stringify(entry)) return;
  queue.rows[at] = entry;
  lay();
  const told = before.decisions.length !== entry.decisions.length;
  if (entry.id !== chosen || !(told || Boolean(before.evidence) !== Boolean(entry.evidence)))
    return;
  const held = /** @type {HTMLElement} */ (document.activeElement);
  const inside = card.contains(held);
  pick(at, inside);
  if (inside && held.isConnected) held.focus(); // a note that is being written goes on
}

const keys = reviewKeys({
  step(by) {
    const at = chosen ? queue.find(chosen) : -1;
    const next = Math.min(queue.rows.length - 1, Math.max(0, at + by));
    if (next !== at && queue.rows.length) pick(next, true);
    if (next === at && by > 0 && queue.more) goOn();
  },
  play: () => sound?.toggle(),
  hear: (ear) => sound?.hear(ear),
  decide,
  undo: again,
});
