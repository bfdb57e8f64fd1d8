/**
 * Making elements. Names of layers, classes and runs are data: they only ever become text nodes and attributes,
 * never markup.
 */

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * Make an HTML element.
 * @param {string} tag
 * @param {Object} options Attributes; `on` holds event listeners, `style` CSS properties.
 * @param {...(Node|string|null)} children Strings become text; null is left out.
 * @returns {HTMLElement}
 */
export function element(tag, options = {}, ...children) {
  return furnish(document.createElement(tag), options, children);
}

/** Make an SVG element; the same arguments as `element`. */
export function shape(tag, options = {}, ...children) {
  return furnish(document.createElementNS(SVG_NAMESPACE, tag), options, children);
}

function furnish(node, { on = {}, style = {}, ...attributes }, children) {
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  for (const [name, value] of Object.entries(style)) node.style.setProperty(name, value);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Set an attribute, or take it away where the value is null or false. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
}

/**
 * A labelled drop-down list.
 * @param {string} label Said by screen readers, and shown where `visible` is set.
 * @param {function(string)} onChoice
 */
export function dropDown(label, onChoice, { visible = false, className = "" } = {}) {
  const list = element("select", {
    "aria-label": label,
    title: label,
    on: { change: () => onChoice(list.value) },
  });
  const node = element("label", { class: `choice ${className}` }, visible ? element("span", {}, label) : null, list);
  return { node, list, fill: (entries, chosen) => fillDropDown(list, entries, chosen) };
}

/** Replace a list's entries, [value, text] each, only where they changed: an open list stays open. */
function fillDropDown(list, entries, chosen) {
  const signature = JSON.stringify(entries);
  if (list.dataset.entries !== signature) {
    list.dataset.entries = signature;
    list.replaceChildren(...entries.map(([value, text]) => element("option", { value }, text)));
  }
  list.value = chosen ?? "";
}

/**
 * A row of buttons of which one is pressed. With nothing to choose from it is not shown.
 * @param {string} label
 * @param {function(string)} onChoice
 */
export function segments(label, onChoice) {
  const node = element("div", { class: "segments", role: "group", "aria-label": label });
  let shown = "";
  const fill = (entries, chosen) => {
    const signature = JSON.stringify(entries);
    if (shown !== signature) {
      shown = signature;
      node.hidden = entries.length === 0;
      node.replaceChildren(...entries.map(([value, text, hint]) => segment(value, text, hint, onChoice)));
    }
    for (const button of node.children) {
      button.setAttribute("aria-pressed", String(button.dataset.value === String(chosen)));
    }
  };
  return { node, fill };
}

function segment(value, text, hint, onChoice) {
  return element(
    "button",
    { type: "button", "data-value": value, title: hint, on: { click: () => onChoice(value) } },
    text,
  );
}

/** A small drawing on a button, from an SVG path on a 16 by 16 grid. */
export function icon(path) {
  return shape("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, shape("path", { d: path }));
}

/** A button that shows an icon; the label is what is said and what hovering shows. */
export function iconButton(label, path, onClick, className = "") {
  return element(
    "button",
    { type: "button", class: `icon-button ${className}`, "aria-label": label, title: label, on: { click: onClick } },
    icon(path),
  );
}
