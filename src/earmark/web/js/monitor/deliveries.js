/** What a webhook was told, what came of it, and telling it again. */

import { getJson, withQuery } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { announce, show } from "../core/say.js";
import { moment } from "./figures.js";
import { problem, wrong } from "./may.js";

const PAGE = 20;
/** @type {Record<string, string>} */
const LOOKS = { delivered: "accent", pending: "warm", dead: "bad" };

/** @param {any} delivery @returns {string} what came of it */
export function outcome(delivery) {
  const status = delivery.status ? `HTTP ${delivery.status}` : "";
  return [t(`delivery.${delivery.state}`), status, delivery.error].filter(Boolean).join(" · ");
}

/**
 * Show the deliveries of a webhook, newest first; again: hide them.
 * @param {string} id
 * @param {HTMLElement} place
 */
export async function deliveries(id, place) {
  if (place.querySelector(".deliveries")) {
    place.replaceChildren();
    return;
  }
  const list = h("ol", { class: "deliveries", "aria-label": () => t("hooks.deliveries") });
  /** @type {string|null} */
  let next = null;
  const more = h("button", { type: "button", class: "button", onclick: () => load() }, () =>
    t("library.more"),
  );
  const load = async () => {
    const path = `/v1/webhooks/${encodeURIComponent(id)}/deliveries`;
    const page = await getJson(withQuery(path, { before: next, limit: PAGE }));
    next = page.next;
    list.append(...page.deliveries.map(row));
    more.hidden = !next;
  };
  try {
    await load();
    const none = h("p", { class: "small muted" }, () => t("hooks.no_deliveries"));
    place.replaceChildren(list, list.childElementCount ? more : none);
  } catch (error) {
    place.replaceChildren(problem(error, "admin"));
  }
}

/** @param {any} delivery */
function row(delivery) {
  const again = h(
    "button",
    { type: "button", class: "button", "data-act": "replay", onclick: replay },
    () => t("hooks.replay"),
  );
  const node = h(
    "li",
    { class: "delivery", "data-delivery": delivery.id, "data-state": delivery.state },
    h("span", { class: `chip ${LOOKS[delivery.state] ?? ""}` }, () =>
      t(`delivery.${delivery.state}`),
    ),
    h(
      "div",
      { class: "grow small" },
      h(
        "p",
        {},
        `${delivery.event} `,
        h("span", { class: "muted number" }, () => moment(delivery.created_at)),
      ),
      h("p", { class: "muted" }, () =>
        [t("hooks.attempts", { n: delivery.attempts }), outcome(delivery)].join(" · "),
      ),
    ),
    again,
  );

  async function replay() {
    try {
      const path = `/v1/webhooks/deliveries/${encodeURIComponent(delivery.id)}/replay`;
      const made = row(await getJson(path, { method: "POST" }));
      node.replaceWith(made);
      made.querySelector("button")?.focus();
      announce(t("hooks.replayed"));
    } catch (error) {
      show({ text: () => wrong(error), look: "bad" });
    }
  }
  return node;
}
