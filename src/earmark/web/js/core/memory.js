/** Small things remembered between visits; a browser that refuses to store only forgets. */

const PREFIX = "earmark.";

/** @param {string} name @param {Storage} [place] @returns {string|null} */
export function recall(name, place = undefined) {
  try {
    return (place ?? localStorage).getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string|null} value @param {Storage} [place] */
export function remember(name, value, place = undefined) {
  try {
    if (value === null) (place ?? localStorage).removeItem(PREFIX + name);
    else (place ?? localStorage).setItem(PREFIX + name, value);
  } catch {
    // Private windows of some browsers: it holds for this visit only.
  }
}
