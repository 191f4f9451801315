/** Drawings from data, never from markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element of a drawing; attributes and text only.
 * @param {string} tag
 * @param {Record<string, string|number|boolean|null|undefined>} [attributes] `hue` is a CSS variable
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {any}
 */
export function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "hue") node.style.setProperty("--hue", String(value));
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

/**
 * The same colour for the same thing, everywhere.
 * @param {string} id
 * @returns {number} degrees
 */
export function hueOf(id) {
  let sum = 7;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return (sum * 47) % 360;
}
