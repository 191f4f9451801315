/** What plays now: every stream with its state and its last hour, as it happens. */

import { call, getJson, withQuery } from "../core/api.js";
import { h } from "../core/dom.js";
import { listen } from "../core/events.js";
import { t } from "../core/i18n.js";
import { announce, show } from "../core/say.js";
import { HOUR_S } from "./lane.js";
import { empty, lacking, may, problem, wrong } from "./may.js";
import { StreamCard } from "./streamcard.js";
import { streamForm } from "./streamform.js";
import { sure } from "./sure.js";

const DRAW_MS = 5000; // the time that passes moves the lanes
const BEFORE_S = 2 * HOUR_S; // what began before the hour may reach into it

/** @type {Map<string, StreamCard>} */
const cards = new Map();
/** @type {AbortController|null} */
let line = null;
/** @type {ReturnType<typeof setInterval>|undefined} */
let clockwork;

const state = h("p", { class: "small muted", id: "live-line", role: "status" });
const list = h("ul", { class: "form", id: "streams", "aria-label": () => t("live.streams") });
const note = h("div", {});
const foot = h("div", {});
const page = h(
  "div",
  { class: "live" },
  h("p", { class: "muted" }, () => t("live.about")),
  state,
  list,
  note,
  foot,
);

/** @returns {HTMLElement} */
export function view() {
  return page;
}

export function entered() {
  foot.replaceChildren(may("admin") ? streamForm((stream) => take(stream)) : lacking("admin"));
  if (line) return;
  const mine = new AbortController();
  line = mine;
  clockwork = setInterval(draw, DRAW_MS);
  say("live.connecting");
  listen("/v1/streams/events", mine.signal, {
    opened() {
      say("live.connected");
      read(mine.signal).catch((error) => note.replaceChildren(problem(error, "read")));
    },
    lost: () => say("live.lost"),
    heard,
  }).catch((error) => {
    note.replaceChildren(problem(error, "read"));
    if (line === mine) left();
  });
}

export function left() {
  line?.abort();
  line = null;
  clearInterval(clockwork);
}

/** @param {string} key */
function say(key) {
  state.dataset.line = key;
  state.replaceChildren(h("span", {}, () => t(key)));
}

/** Read how all stands; what happens meanwhile comes by the line. @param {AbortSignal} signal */
async function read(signal) {
  const { streams } = await getJson("/v1/streams", { signal });
  for (const id of cards.keys()) {
    if (!streams.some((/** @type {any} */ one) => one.id === id)) forget(id);
  }
  for (const stream of streams) take(stream);
  tell();
  const since = Math.max(0, Date.now() / 1000 - BEFORE_S).toFixed(0);
  await Promise.all(
    streams.map(async (/** @type {any} */ { id }) => {
      const origin = `stream:${id}`;
      const path = `/v1/streams/${encodeURIComponent(id)}/outages`;
      const [{ detections }, { outages }] = await Promise.all([
        getJson(withQuery("/v1/detections", { origin, since, limit: 500 }), { signal }),
        getJson(withQuery(path, { limit: 100 }), { signal }),
      ]);
      const card = cards.get(id);
      if (!card) return;
      for (const entry of detections) card.play(entry);
      for (const outage of outages) card.away(outage);
      card.draw();
    }),
  );
}

/**
 * @param {any} stream
 * @param {boolean} [told] by the line: an answer may come later than the news of what happened since
 */
function take(stream, told = false) {
  let card = cards.get(stream.id);
  if (card && !told) return;
  if (!card) {
    card = new StreamCard(stream.id, { change, remove });
    cards.set(stream.id, card);
    list.append(card.node);
  }
  card.goes(stream);
  tell();
}

/** @param {string} id */
function forget(id) {
  cards.get(id)?.node.remove();
  cards.delete(id);
  tell();
}

function tell() {
  note.replaceChildren(
    ...(cards.size
      ? []
      : [empty("monitor", () => t("live.empty"), 'earmark watch URL --name "Radio"')]),
  );
}

/** @param {string} event @param {any} data */
function heard(event, data) {
  if (event === "state") take(data, true);
  else if (event === "gone") forget(data.id);
  else {
    const card = cards.get(data.stream_id ?? String(data.origin ?? "").replace(/^stream:/, ""));
    if (!card) return;
    if (event === "outage") card.away(data);
    else if (event === "gap") card.unknown(data);
    else if (event === "level") card.loud(data);
    else card.play(data);
    if (event !== "level") card.draw();
  }
}

function draw() {
  for (const card of cards.values()) card.draw();
}

/** @param {string} id @param {boolean} wanted */
async function change(id, wanted) {
  try {
    const path = `/v1/streams/${encodeURIComponent(id)}`;
    await call(path, { method: "PATCH", json: { wanted } }); // how it goes then comes by the line
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}

/** @param {string} id @param {string} name */
async function remove(id, name) {
  const said = await sure(
    () => t("live.remove_title", { name }),
    () => t("live.remove_sure"),
    () => t("live.remove"),
  );
  if (!said) return;
  try {
    await call(`/v1/streams/${encodeURIComponent(id)}`, { method: "DELETE" });
    forget(id);
    announce(t("live.removed", { name }));
    document.getElementById("stream-name")?.focus();
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}
