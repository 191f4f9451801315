/** What was asked in this browser, with its recording: the last fifty, on this device only. */

const NAME = "earmark";
const STORE = "answers";
const KEPT = 50;
const LARGEST_BYTES = 25_000_000;

/**
 * @typedef {object} Entry
 * @property {number} [id]
 * @property {number} at_ms
 * @property {any} answer
 * @property {import("../sound/recording.js").Recording} recording
 */

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} how
 * @param {(store: IDBObjectStore) => IDBRequest<T>|null} work
 * @returns {Promise<T|undefined>}
 */
async function within(how, work) {
  const base = await database();
  try {
    return await new Promise((resolve, reject) => {
      const step = base.transaction(STORE, how);
      const request = work(step.objectStore(STORE));
      step.oncomplete = () => resolve(request?.result);
      step.onerror = () => reject(step.error);
      step.onabort = () => reject(step.error);
    });
  } finally {
    base.close();
  }
}

/**
 * Keep an answer; the oldest go. A browser that refuses to store only forgets.
 * @param {any} answer
 * @param {import("../sound/recording.js").Recording} recording
 */
export async function keep(answer, recording) {
  const { blob, ...rest } = recording;
  const kept =
    blob.size <= LARGEST_BYTES
      ? new Blob([await blob.arrayBuffer()], { type: blob.type })
      : new Blob([]);
  try {
    await within("readwrite", (store) => {
      store.add({ at_ms: Date.now(), answer, recording: { ...rest, blob: kept } });
      const keys = store.getAllKeys();
      keys.onsuccess = () => {
        for (const key of keys.result.slice(0, Math.max(0, keys.result.length - KEPT)))
          store.delete(key);
      };
      return null;
    });
    document.dispatchEvent(new CustomEvent("earmark:history"));
  } catch {
    // no place for it
  }
}

/** @returns {Promise<Entry[]>} newest first */
export async function entries() {
  try {
    const all = await within("readonly", (store) => store.getAll());
    return (all ?? []).reverse();
  } catch {
    return [];
  }
}

/** @param {number} id */
export async function forget(id) {
  await within("readwrite", (store) => store.delete(id));
}

/** Forget everything. */
export async function forgetAll() {
  await within("readwrite", (store) => store.clear());
}
