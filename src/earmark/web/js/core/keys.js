/** The key of the service: for this tab, or on this device when the reader ticked that. */

import { recall, remember } from "./memory.js";

/** @returns {string|null} */
export function heldKey() {
  return recall("key", sessionStorage) ?? recall("key");
}

/** @returns {boolean} whether it is kept on this device */
export function keyIsKept() {
  return recall("key") !== null;
}

/** @param {string} key @param {boolean} keep on this device, not only in this tab */
export function holdKey(key, keep) {
  forgetKey();
  remember("key", key, keep ? localStorage : sessionStorage);
}

/** Forget it everywhere. */
export function forgetKey() {
  remember("key", null, sessionStorage);
  remember("key", null);
}
