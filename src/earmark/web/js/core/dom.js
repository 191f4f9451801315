/** Elements from data, never from markup: whatever a file calls itself stays text. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {{ref: WeakRef<Node>, apply: () => void}} Binding */

/** Texts and attributes to say again when the language changes. @type {Set<Binding>} */
const bindings = new Set();

/**
 * Remember how a node's words are made, and make them.
 * @param {Node} node
 * @param {(node: any) => void} say
 */
function bind(node, say) {
  const ref = new WeakRef(node);
  const apply = () => {
    const there = ref.deref();
    if (there) say(there);
  };
  bindings.add({ ref, apply });
  say(node);
}

/** Say every bound text again; those whose node is gone are forgotten. */
export function rebind() {
  for (const binding of bindings) {
    if (binding.ref.deref()) binding.apply();
    else bindings.delete(binding);
  }
}

/**
 * Set one property, attribute or listener.
 * @param {HTMLElement} node
 * @param {string} name
 * @param {any} value
 */
function set(node, name, value) {
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (typeof value === "function") bind(node, (there) => set(there, name, value()));
  else if (value === false || value === null || value === undefined) node.removeAttribute(name);
  else if (name === "class") node.className = value;
  else if (name === "vars") {
    for (const [key, one] of Object.entries(value)) node.style.setProperty(key, String(one));
  } else if (name === "value" || name === "checked" || name === "disabled") {
    /** @type {any} */ (node)[name] = value;
  } else node.setAttribute(name, value === true ? "" : String(value));
}

/**
 * An element. Functions among the properties and children are texts that follow the language.
 * @param {string} tag
 * @param {Record<string, any>} [properties] `on…` are listeners, `vars` are CSS variables
 * @param {...(Node|string|number|null|undefined|false|(() => string))} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) set(node, name, value);
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false).map(nodeOf));
  return node;
}

/** @param {any} child @returns {Node} */
function nodeOf(child) {
  if (child instanceof Node) return child;
  const text = document.createTextNode("");
  if (typeof child === "function")
    bind(text, (there) => {
      there.data = child();
    });
  else text.data = String(child);
  return text;
}

/**
 * An icon of the sprite; words beside it, or a label on its button, say what it means.
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons/sprite.svg#${name}`);
  picture.append(use);
  return picture;
}

/**
 * Show another icon in a button that has one.
 * @param {Element} node
 * @param {string} name
 */
export function swapIcon(node, name) {
  node.querySelector("use")?.setAttribute("href", `/static/icons/sprite.svg#${name}`);
}

/**
 * A button with an icon whose words are its label.
 * @param {string} name the icon
 * @param {() => string} label
 * @param {(event: Event) => void} press
 * @param {string} [look] more classes
 */
export function iconButton(name, label, press, look = "quiet") {
  return h(
    "button",
    {
      type: "button",
      class: `button round ${look}`,
      "aria-label": label,
      title: label,
      onclick: press,
    },
    icon(name),
  );
}

/**
 * A place where one of several choices holds; arrow keys go from one to the next.
 * @param {() => string} label
 * @param {{value: string, text: () => string}[]} choices
 * @param {string} chosen
 * @param {(value: string) => void} choose
 */
export function segments(label, choices, chosen, choose) {
  const group = h("div", { class: "segments", role: "radiogroup", "aria-label": label });
  const pick = (/** @type {string} */ value, focus = false) => {
    for (const button of group.children) {
      const on = button.dataset.value === value;
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
      if (on && focus) button.focus();
    }
  };
  for (const { value, text } of choices) {
    group.append(
      h(
        "button",
        {
          type: "button",
          role: "radio",
          "data-value": value,
          onclick: () => {
            pick(value);
            choose(value);
          },
        },
        text,
      ),
    );
  }
  group.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const values = choices.map((choice) => choice.value);
    const at = values.indexOf(document.activeElement?.getAttribute("data-value") ?? chosen);
    const next = values[(at + step + values.length) % values.length];
    pick(next, true);
    choose(next);
  });
  pick(chosen);
  group.pick = pick;
  return group;
}
