/** The library: what is in it, to search, hear, change and add to. */

import { getJson, withQuery } from "../core/api.js";
import { arrows } from "../core/arrows.js";
import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { figure, trouble } from "../core/words.js";
import { hidden, removeSoon } from "./remove.js";
import { showPlaying, trackRow } from "./row.js";
import { picked, selectionBar } from "./selection.js";
import { uploadPanel, upload } from "./upload.js";

const PAGE = 50;
const LARGEST = 500; // that the service gives at once
const WAIT_MS = 200;

/** @type {string|null} */
let next = null;
let text = "";
let asked = 0; // requests made; the answer to an older one is not shown
let loading = false;
let total = 0;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let typing;

const page = h("div", { class: "page library", id: "view-library" });
const list = h("ul", {
  class: "list tracks",
  id: "tracks",
  "aria-label": () => t("library.tracks"),
});
const count = h("p", { class: "muted number", id: "track-count", role: "status" });
const search = h("input", {
  type: "search",
  class: "input",
  id: "search",
  autocomplete: "off",
  spellcheck: "false",
  enterkeyhint: "search",
  placeholder: () => t("library.search"),
  "aria-label": () => t("library.search"),
  oninput: typed,
  onkeydown: toList,
});
const note = h("div", { class: "list-note" });
const more = h(
  "button",
  { type: "button", class: "button", hidden: true, onclick: () => load() },
  () => t("library.more"),
);
const picker = h("input", {
  type: "file",
  multiple: true,
  class: "visually-hidden",
  tabindex: "-1",
  id: "upload-files",
  accept: "audio/*,video/*,.opus,.flac,.ogg,.mid,.midi,.abc,.musicxml,.mxl,.weba",
  "aria-label": () => t("library.add"),
  onchange: chosen,
});

/** @returns {HTMLElement} */
export function view() {
  if (page.childElementCount) return page;
  arrows(list);
  page.append(
    h(
      "header",
      { class: "page-head" },
      h(
        "div",
        { class: "grow" },
        h("h1", {}, () => t("library.name")),
        count,
      ),
      h(
        "button",
        { type: "button", class: "button primary", id: "add-files", onclick: () => picker.click() },
        icon("upload"),
        h("span", {}, () => t("library.add")),
      ),
      picker,
    ),
    h("div", { class: "search" }, icon("search"), search),
    uploadPanel(refresh),
    selectionBar(list, refresh),
    list,
    note,
    h("div", { class: "row centre" }, more),
  );
  new IntersectionObserver(
    ([entry]) => {
      if (entry.isIntersecting && next && !loading) load();
    },
    { rootMargin: "600px" },
  ).observe(more);
  document.addEventListener("earmark:tracks", () => refresh());
  document.addEventListener("earmark:playing", () => {
    for (const row of list.children) showPlaying(row);
  });
  return page;
}

/** The page came up: what is shown may be old. */
export function entered() {
  refresh();
}

/** Put the cursor into the search field. */
export function focusSearch() {
  search.focus();
  search.select();
}

function typed() {
  clearTimeout(typing);
  typing = setTimeout(() => {
    text = search.value.trim();
    list.replaceChildren();
    refresh();
  }, WAIT_MS);
}

/** @param {KeyboardEvent} event */
function toList(event) {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  /** @type {HTMLElement|null} */ (list.querySelector("[data-stop]"))?.focus();
}

/** Read the list again from its start. */
export async function refresh() {
  next = null;
  loading = false;
  await load(true);
}

/** @param {boolean} [fresh] instead of what is shown */
async function load(fresh = false) {
  if (loading) return;
  loading = true;
  asked += 1;
  const mine = asked;
  try {
    const limit = fresh ? Math.min(LARGEST, Math.max(PAGE, list.childElementCount)) : PAGE;
    const found = await getJson(
      withQuery("/v1/tracks", { text, after: fresh ? null : next, limit }),
    );
    if (mine !== asked) return;
    next = found.next;
    total = found.total;
    lay(
      found.tracks.filter((/** @type {any} */ track) => !hidden.has(track.id)),
      fresh,
    );
    tell();
  } catch (error) {
    if (mine === asked) note.replaceChildren(h("p", { class: "problem" }, () => trouble(error)));
  } finally {
    if (mine === asked) loading = false;
  }
}

/**
 * Put rows in; those that stay as they are keep their focus and their place.
 * @param {any[]} tracks @param {boolean} fresh they are the whole list
 */
function lay(tracks, fresh) {
  const there = new Map(
    /** @type {HTMLElement[]} */ ([...list.children])
      .filter((row) => !row.hidden)
      .map((row) => [row.dataset.stamp, row]),
  );
  let at = fresh ? list.firstElementChild : null;
  for (const track of tracks) {
    const row = there.get(JSON.stringify(track)) ?? rowOf(track);
    if (row === at) at = at.nextElementSibling;
    else list.insertBefore(row, at);
  }
  while (at) {
    const after = at.nextElementSibling;
    at.remove();
    at = after;
  }
}

/** @param {any} track */
function rowOf(track) {
  const row = trackRow(track, {
    changed: replace,
    remove: (gone) => removeSoon([gone], list, tell),
    picked,
  });
  row.dataset.stamp = JSON.stringify(track);
  return row;
}

/** @param {any} track as it is now */
function replace(track) {
  for (const row of list.children) {
    if (row.dataset.track === track.id) row.replaceWith(rowOf(track));
  }
}

/** Say how many there are, and what to do where there are none. */
function tell() {
  const gone = hidden.size;
  count.replaceChildren(
    h("span", {}, () =>
      t(text ? "library.found" : "library.count", {
        n: Math.max(0, total - gone),
        shown: figure(Math.max(0, total - gone)),
      }),
    ),
  );
  more.hidden = !next;
  const none = !list.querySelector("li:not([hidden])") && !next;
  note.replaceChildren(
    ...(none
      ? [
          h(
            "div",
            { class: "empty" },
            icon(text ? "search" : "library"),
            h("p", {}, () => t(text ? "library.none" : "library.empty", { text })),
          ),
        ]
      : []),
  );
}

function chosen() {
  const files = [...(picker.files ?? [])];
  picker.value = "";
  if (files.length) upload(files);
}
