/** What waits for a decision: blocked first, then what is to be reviewed, then the rest. */

import { getJson, withQuery } from "../core/api.js";

const PAGE = 50;
const ORDER = ["block", "review", "allow"];

/**
 * @typedef {object} Wanted
 * @property {string} station
 * @property {string} action
 * @property {string} ruling `none`: undecided; empty: any
 * @property {string} text
 * @property {number|null} since
 */

export class Queue {
  constructor() {
    /** @type {any[]} */
    this.rows = [];
    /** @type {Wanted} */
    this.wanted = { station: "", action: "", ruling: "none", text: "", since: null };
    /** @type {string[]} actions that are still to be read */
    this.left = [];
    /** @type {string|null} */
    this.before = null;
    this.asked = 0;
  }

  /** @returns {boolean} whether more can be read */
  get more() {
    return this.left.length > 0;
  }

  /**
   * Read from the start.
   * @returns {Promise<boolean>} false: something newer was asked meanwhile
   */
  async begin() {
    this.asked += 1;
    const mine = this.asked;
    this.left = this.wanted.action ? [this.wanted.action] : [...ORDER];
    this.before = null;
    const rows = await this.page(mine);
    if (mine !== this.asked) return false;
    this.rows = rows;
    return true;
  }

  /** @returns {Promise<boolean>} */
  async goOn() {
    const mine = this.asked;
    const rows = await this.page(mine);
    if (mine !== this.asked) return false;
    const there = new Set(this.rows.map((row) => row.id));
    this.rows.push(...rows.filter((row) => !there.has(row.id)));
    return true;
  }

  /** @param {number} mine @returns {Promise<any[]>} */
  async page(mine) {
    /** @type {any[]} */
    const rows = [];
    while (this.left.length && rows.length < PAGE && mine === this.asked) {
      const { station, ruling, text, since } = this.wanted;
      const asked = { station, ruling, text, since, action: this.left[0], before: this.before };
      const found = await getJson(withQuery("/v1/detections", { ...asked, limit: PAGE }));
      if (mine !== this.asked) break;
      rows.push(...found.detections);
      this.before = found.next;
      if (!found.next) this.left.shift();
    }
    return rows;
  }

  /** @param {string} id @returns {number} */
  find(id) {
    return this.rows.findIndex((row) => row.id === id);
  }

  /**
   * The next that nobody has decided: below, else above.
   * @param {number} at
   * @returns {number} -1: none
   */
  undecided(at) {
    const open = (/** @type {any} */ row) => row.ruling === null;
    const below = this.rows.findIndex((row, index) => index > at && open(row));
    return below >= 0 ? below : this.rows.findIndex(open);
  }
}
