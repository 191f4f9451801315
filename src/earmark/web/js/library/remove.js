/** Removing with a way back: gone from the list at once, from the library when the toast goes. */

import { call, keyHeader, trackPath } from "../core/api.js";
import { show } from "../core/say.js";
import { t } from "../core/i18n.js";
import { titleOf, trouble } from "../core/words.js";
import { stopIf } from "../shell/player.js";

const UNDO_MS = 7000;

/** Tracks that are on their way out. @type {Set<string>} */
export const hidden = new Set();

/** Removals that wait for their toast. @type {Set<() => void>} */
const waiting = new Set();

/**
 * Hide tracks, and remove them unless that is undone.
 * @param {any[]} tracks @param {HTMLElement} list @param {() => void} tell
 */
export function removeSoon(tracks, list, tell) {
  const ids = tracks.map((track) => track.id);
  const rows = /** @type {HTMLElement[]} */ ([...list.children]).filter((row) =>
    ids.includes(String(row.dataset.track)),
  );
  const beside = rows.at(-1)?.nextElementSibling ?? rows[0]?.previousElementSibling;
  const focused = rows.some((row) => row.contains(document.activeElement));
  for (const row of rows) row.hidden = true;
  for (const id of ids) {
    hidden.add(id);
    stopIf(id);
  }
  if (focused)
    /** @type {HTMLElement|null|undefined} */ (beside?.querySelector("[data-stop]"))?.focus();
  tell();
  const back = () => {
    waiting.delete(leaving);
    for (const id of ids) hidden.delete(id);
    document.dispatchEvent(new CustomEvent("earmark:tracks"));
  };
  const leaving = () => {
    waiting.delete(leaving);
    remove(ids);
  };
  waiting.add(leaving);
  show({
    text: () =>
      tracks.length === 1
        ? t("remove.one", { title: titleOf(tracks[0]) })
        : t("remove.many", { n: tracks.length }),
    stay_ms: UNDO_MS,
    action: { text: () => t("remove.undo"), press: back },
    gone: () => {
      if (waiting.has(leaving)) leaving();
    },
  });
}

/** @param {string[]} ids */
async function remove(ids) {
  for (const id of ids) {
    try {
      await call(trackPath(id), { method: "DELETE" });
    } catch (error) {
      if (/** @type {any} */ (error).status !== 404)
        show({ text: () => trouble(error), look: "bad" });
    }
    hidden.delete(id);
  }
  document.dispatchEvent(new CustomEvent("earmark:tracks"));
}

/** The page is left: what was to go goes now. */
addEventListener("pagehide", () => {
  for (const id of hidden)
    fetch(trackPath(id), { method: "DELETE", keepalive: true, headers: keyHeader() }).catch(
      () => {},
    );
  waiting.clear();
});
