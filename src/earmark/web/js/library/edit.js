/** A dialog to change what a track is called; somebody else's change is not written over. */

import { ApiError, call, trackPath } from "../core/api.js";
import { h } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { show } from "../core/say.js";
import { t } from "../core/i18n.js";
import { titleOf, trouble } from "../core/words.js";

/**
 * @param {any} track
 * @returns {Promise<any>} the track as it is now; undefined where nothing changed
 */
export async function editTrack(track) {
  let held;
  try {
    held = await read(track.id);
  } catch (error) {
    show({ text: () => trouble(error), look: "bad" });
    return undefined;
  }
  const changed = await open(
    () => t("edit.name", { title: titleOf(track) }),
    (close) => [form(held, close)],
  );
  if (changed) show({ text: () => t("edit.saved") });
  return changed;
}

/** @param {string} id @returns {Promise<{track: any, etag: string|null}>} */
async function read(id) {
  const response = await call(trackPath(id));
  return { etag: response.headers.get("ETag"), track: await response.json() };
}

/** @param {any} extra @returns {string} one `name: value` a line */
const lines = (extra) =>
  Object.entries(extra)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");

/** @param {{track: any, etag: string|null}} held @param {(track: any) => void} close */
function form(held, close) {
  const field = (/** @type {string} */ name, /** @type {string} */ value, tag = "input") => {
    const input = h(tag, {
      class: "input",
      id: `edit-${name}`,
      autocomplete: "off",
      ...(name === "title" ? { "data-first": true } : {}),
    });
    input.value = value;
    return input;
  };
  const values = (/** @type {any} */ track) => ({
    title: track.title,
    artist: track.artist,
    album: track.album,
    tags: track.tags.join(", "),
    extra: lines(track.extra),
  });
  const first = values(held.track);
  const inputs = Object.fromEntries(
    Object.entries(first).map(([name, value]) => [
      name,
      field(name, value, name === "extra" ? "textarea" : "input"),
    ]),
  );
  const problem = h("div", { class: "problem", role: "alert", hidden: true });
  const rows = Object.entries(inputs).map(([name, input]) =>
    h(
      "div",
      { class: "field" },
      h("label", { for: input.id }, () => t(`edit.${name}`)),
      input,
      (name === "tags" || name === "extra") &&
        h("p", { class: "small muted" }, () => t(`edit.${name}_hint`)),
    ),
  );
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const response = await call(trackPath(held.track.id), {
        method: "PATCH",
        json: changes(inputs, values(held.track)),
        headers: held.etag ? { "If-Match": held.etag } : {},
      });
      close(await response.json());
    } catch (error) {
      problem.hidden = false;
      if (error instanceof ApiError && error.status === 412) conflict();
      else problem.replaceChildren(h("p", {}, () => trouble(error)));
    }
  };
  const conflict = () =>
    problem.replaceChildren(
      h("p", {}, () => t("edit.conflict")),
      h(
        "button",
        {
          type: "button",
          class: "button",
          onclick: async () => {
            const now = await read(held.track.id);
            Object.assign(held, now);
            for (const [name, value] of Object.entries(values(now.track)))
              inputs[name].value = value;
            problem.hidden = true;
          },
        },
        () => t("edit.load_newer"),
      ),
    );
  return h(
    "form",
    { class: "form", onsubmit: save },
    problem,
    ...rows,
    h(
      "div",
      { class: "dialog-foot" },
      h("button", { type: "button", class: "button quiet", onclick: () => close(undefined) }, () =>
        t("cancel"),
      ),
      h("button", { type: "submit", class: "button primary", id: "edit-save" }, () =>
        t("edit.save"),
      ),
    ),
  );
}

/**
 * @param {Record<string, HTMLInputElement>} inputs
 * @param {Record<string, string>} before only what changed is sent
 */
function changes(inputs, before) {
  /** @type {Record<string, unknown>} */
  const sent = {};
  for (const [name, input] of Object.entries(inputs)) {
    const value = input.value.trim();
    if (value === before[name].trim()) continue;
    if (name === "tags")
      sent.tags = [
        ...new Set(
          value
            .split(/[,，、]/)
            .map((one) => one.trim())
            .filter(Boolean),
        ),
      ];
    else if (name === "extra")
      sent.extra = Object.fromEntries(
        value
          .split("\n")
          .map(pair)
          .filter(([key]) => key),
      );
    else sent[name] = value;
  }
  return sent;
}

/** @param {string} line @returns {[string, string]} */
function pair(line) {
  const at = line.search(/[:：]/);
  return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}
