/** One stream: how it goes, what it plays, and its last hour as a lane. */

import { h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { clock } from "../core/words.js";
import { called, timeOfDay } from "./figures.js";
import { HOUR_S, lane } from "./lane.js";
import { may } from "./may.js";

/** @type {Record<string, string>} */
const LOOKS = { live: "accent", connecting: "warm", down: "bad", failed: "bad" };
const MOST = 500;
const SHOWN = 100;

export class StreamCard {
  /**
   * @param {string} id
   * @param {{change: (id: string, wanted: boolean) => void,
   *   remove: (id: string, name: string) => void}} acts
   */
  constructor(id, acts) {
    this.id = id;
    /** @type {any} */
    this.stream = null;
    this.going = false;
    /** @type {Map<string, any>} */
    this.entries = new Map();
    /** @type {Map<string, any>} */
    this.outages = new Map();
    /** @type {any[]} */
    this.gaps = [];
    this.title = h("h3", { class: "grow clip" });
    this.state = h("span", { class: "chip" });
    this.now = h("p", { class: "now-plays" });
    this.facts = h("p", { class: "small muted number" });
    this.level = h("meter", { min: "-60", max: "0", "aria-label": () => t("live.level") });
    this.level.hidden = true;
    this.lane = h("div", { class: "lane" });
    this.table = h("ol", { class: "lane-list small" });
    this.switch = h("button", {
      type: "button",
      class: "button",
      "data-act": "switch",
      onclick: () => acts.change(this.id, !this.going),
    });
    this.remove = h(
      "button",
      {
        type: "button",
        class: "button danger",
        "data-act": "remove",
        onclick: () => acts.remove(this.id, this.stream.name),
      },
      () => t("live.remove"),
    );
    this.node = h(
      "li",
      { class: "card stream", "data-stream": id },
      h("div", { class: "row wrap" }, this.title, this.state, this.level, this.switch, this.remove),
      this.now,
      this.lane,
      this.facts,
      h(
        "details",
        { class: "more" },
        h(
          "summary",
          {},
          icon("down"),
          h("span", {}, () => t("live.last_hour")),
        ),
        this.table,
      ),
    );
  }

  /** @param {any} stream how it goes now */
  goes(stream) {
    this.stream = stream;
    this.title.textContent = stream.name;
    this.node.dataset.state = stream.state;
    this.state.className = `chip ${LOOKS[stream.state] ?? ""}`;
    this.state.replaceChildren(h("span", {}, () => t(`stream.${stream.state}`)));
    for (const button of [this.switch, this.remove]) button.hidden = !may("admin");
    this.going = stream.wanted && !["ended", "failed"].includes(stream.state);
    this.switch.replaceChildren(h("span", {}, () => t(this.going ? "live.stop" : "live.start")));
    if (stream.state !== "live") this.level.hidden = true;
    this.tell();
    this.draw();
  }

  /** Say how it goes in figures. */
  tell() {
    this.facts.replaceChildren(
      h("span", {}, () =>
        [
          this.stream.url,
          t("live.heard", { length: clock(this.stream.heard_s) }),
          this.stream.reconnects ? t("live.reconnects", { n: this.stream.reconnects }) : "",
          this.stream.error,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
    );
  }

  /** @param {any} entry */
  play(entry) {
    this.entries.set(entry.id, entry);
    if (this.entries.size > MOST) this.entries.delete(this.entries.keys().next().value ?? "");
  }

  /** @param {any} outage */
  away(outage) {
    this.outages.set(outage.id, outage);
  }

  /** @param {any} gap */
  unknown(gap) {
    this.gaps = this.gaps.filter((one) => one.began_at !== gap.began_at);
    this.gaps.push(gap);
    if (this.gaps.length > MOST) this.gaps.shift();
  }

  /** @param {{level_dbfs: number, heard_s: number}} now */
  loud({ level_dbfs, heard_s }) {
    if (!this.stream) return;
    this.level.hidden = this.stream.state !== "live";
    this.level.value = Math.max(-60, level_dbfs);
    if (Math.floor(heard_s) === Math.floor(this.stream.heard_s)) return;
    this.stream = { ...this.stream, heard_s };
    this.tell();
  }

  /** Draw what has changed, and the time that has passed. */
  draw() {
    const now = Date.now() / 1000;
    const entries = [...this.entries.values()]
      .filter((one) => one.open || one.began_at + one.end_s - one.start_s > now - HOUR_S)
      .sort((one, other) => other.began_at - one.began_at);
    const outages = [...this.outages.values()];
    this.lane.replaceChildren(lane(this.stream?.name ?? "", entries, this.gaps, outages, now));
    this.hears(entries.filter((one) => one.open));
    const stamp = JSON.stringify(entries.map((one) => [one.id, one.open, one.end_s, one.ruling]));
    if (this.table.dataset.stamp === stamp) return;
    this.table.dataset.stamp = stamp;
    this.table.replaceChildren(
      ...(entries.length
        ? entries.slice(0, SHOWN).map(lineOf)
        : [h("li", { class: "muted" }, () => t("live.nothing_yet"))]),
    );
  }

  /** @param {any[]} open */
  hears(open) {
    const stamp = open.map((one) => one.id).join(" ") || (this.stream?.state ?? "");
    if (this.now.dataset.stamp === stamp) return;
    this.now.dataset.stamp = stamp;
    this.now.replaceChildren(
      ...(open.length
        ? open.map((one) => h("a", { href: `#/monitor/detection/${one.id}` }, called(one.track)))
        : [
            h("span", { class: "muted" }, () =>
              t(this.stream?.state === "live" ? "live.unknown" : "live.silent"),
            ),
          ]),
    );
  }
}

/** @param {any} entry */
function lineOf(entry) {
  const until = entry.began_at + entry.end_s - entry.start_s;
  return h(
    "li",
    { "data-detection": entry.id },
    h("span", { class: "number muted" }, () =>
      entry.open
        ? t("live.since", { at: timeOfDay(entry.began_at) })
        : `${timeOfDay(entry.began_at)}–${timeOfDay(until)}`,
    ),
    h("a", { href: `#/monitor/detection/${entry.id}` }, called(entry.track)),
  );
}
