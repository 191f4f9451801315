/** Webhooks: addresses that are told, what they were told, and telling them again. */

import { call, getJson } from "../core/api.js";
import { h } from "../core/dom.js";
import { open } from "../core/dialog.js";
import { t } from "../core/i18n.js";
import { show } from "../core/say.js";
import { deliveries, outcome } from "./deliveries.js";
import { empty, problem, wrong } from "./may.js";
import { sure } from "./sure.js";
import { webhookForm } from "./webhookform.js";

const list = h("ul", { class: "form", id: "webhooks", "aria-label": () => t("hooks.name") });
const note = h("div", {});
const foot = h("div", {});
const page = h(
  "section",
  { class: "hooks" },
  h("h2", {}, () => t("hooks.name")),
  h("p", { class: "muted" }, () => t("hooks.about")),
  list,
  note,
  foot,
);

/** @returns {HTMLElement} */
export function view() {
  return page;
}

export async function entered() {
  if (!foot.childElementCount) foot.append(webhookForm(made));
  await read();
}

async function read() {
  try {
    const { webhooks } = await getJson("/v1/webhooks");
    list.replaceChildren(...webhooks.map(card));
    note.replaceChildren(
      ...(webhooks.length
        ? []
        : [empty("wave", () => t("hooks.empty"), "earmark webhooks add URL --action block")]),
    );
  } catch (error) {
    note.replaceChildren(problem(error, "admin"));
  }
}

/** @param {any} hook with its secret, which is shown this once */
async function made(hook) {
  await read();
  const secret = h("input", {
    class: "input",
    id: "hook-secret",
    readonly: true,
    "data-first": true,
    onfocus: () => secret.select(),
  });
  secret.value = hook.secret;
  await open(
    () => t("hooks.secret_title"),
    () => [
      h("p", {}, () => t("hooks.secret_words")),
      h(
        "div",
        { class: "field" },
        h("label", { for: "hook-secret" }, () => t("hooks.secret")),
        secret,
      ),
    ],
  );
}

/** @param {any} hook */
function card(hook) {
  const place = h("div", { class: "hook-more" });
  const act = (/** @type {string} */ name, /** @type {() => void} */ press, look = "") =>
    h("button", { type: "button", class: `button ${look}`, "data-act": name, onclick: press }, () =>
      t(`hooks.${name}`),
    );
  return h(
    "li",
    { class: "card hook", "data-webhook": hook.id },
    h("h3", { class: "wrap-anywhere" }, hook.url),
    h("p", { class: "small muted" }, () =>
      [
        hook.events.length ? hook.events.join(", ") : t("hooks.all_events"),
        hook.actions.map((/** @type {string} */ one) => t(`action.${one}`)).join(", "),
        hook.note,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
    h(
      "div",
      { class: "row wrap" },
      act("test", () => test(hook.id, place)),
      act("deliveries", () => deliveries(hook.id, place)),
      act("remove", () => remove(hook), "danger"),
    ),
    place,
  );
}

/** @param {string} id @param {HTMLElement} place */
async function test(id, place) {
  place.replaceChildren(h("p", { class: "small muted" }, () => t("hooks.testing")));
  try {
    const path = `/v1/webhooks/${encodeURIComponent(id)}/test`;
    const delivery = await getJson(path, { method: "POST" });
    place.replaceChildren(h("p", { class: "small", role: "status" }, () => outcome(delivery)));
  } catch (error) {
    place.replaceChildren(problem(error, "admin"));
  }
}

/** @param {any} hook */
async function remove(hook) {
  const said = await sure(
    () => t("hooks.remove_title"),
    () => t("hooks.remove_sure", { url: hook.url }),
    () => t("hooks.remove"),
  );
  if (!said) return;
  try {
    await call(`/v1/webhooks/${encodeURIComponent(hook.id)}`, { method: "DELETE" });
    await read();
    document.getElementById("hook-url")?.focus();
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}
