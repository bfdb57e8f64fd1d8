/** Names as they are shown: of layers, tables and homology dimensions. */

const MOST_LETTERS = 26;

/** What people call the features of a dimension. */
const FEATURES = { 0: "clusters", 1: "loops", 2: "voids" };

/** "H1 loops". */
export function dimensionName(dim) {
  return FEATURES[dim] ? `H${dim} ${FEATURES[dim]}` : `H${dim}`;
}

/** What a bar of this dimension stands for, in plain words. */
export function featureName(dim) {
  return FEATURES[dim] ?? "features";
}

/** "Number of bars, H1": what a table holds. @param {import("./tables.js").Description} about */
export function titleOf({ label, homology_dim: dim }) {
  return dim === null ? label : `${label}, H${dim}`;
}

/** "Longest bar (0.9 quantiles)". A unit that the text says already, as in "Number of bars", is not said again. */
export function withUnit(text, unit) {
  const words = text.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return unit === "" || words.includes(unit.toLowerCase()) ? text : `${text} (${unit})`;
}

/**
 * Layers' names without the leading parts that all of them share, shortened so that they stay apart.
 * @param {string[]} layers
 * @returns {string[]}
 */
export function shortLayerNames(layers, most = MOST_LETTERS) {
  const parts = layers.map((layer) => layer.split("."));
  let shared = 0;
  if (layers.length > 1) {
    while (parts.every((part) => part.length > shared + 1 && part[shared] === parts[0][shared])) shared += 1;
  }
  return shortNames(parts.map((part) => part.slice(shared).join(".")), most);
}

/** The short name of one of several layers. */
export function shortLayerName(layer, layers, most = MOST_LETTERS) {
  const at = layers.indexOf(layer);
  return at < 0 ? shortNames([layer], most)[0] : shortLayerNames(layers, most)[at];
}

/**
 * Names in at most so many letters: a long one's end, unless another one would look like it; then more of its beginning
 * as well. Different names stay different.
 * @param {string[]} names
 * @returns {string[]}
 */
export function shortNames(names, most = MOST_LETTERS) {
  const room = Math.max(Math.floor(most), 3);
  const short = names.map((name) => cut(name, 0, room));
  for (let beginning = 1; beginning < room; beginning += 1) {
    const alike = groupsOfAlike(names, short).flat();
    if (alike.length === 0) return short;
    for (const i of alike) short[i] = cut(names[i], beginning, room);
  }
  // What differs is deep inside: each round tells at least one name from those that look like it.
  for (let round = 0; round < names.length; round += 1) {
    for (const group of groupsOfAlike(names, short)) {
      const shared = sharedLetters(group.map((i) => names[i]));
      for (const i of group) short[i] = startingAt(names[i], Math.min(shared, names[i].length - 1), room);
    }
  }
  // Such as one that is the beginning of another, of many letters.
  for (const i of groupsOfAlike(names, short).flat()) {
    const number = String(names.indexOf(names[i]) + 1);
    short[i] = cut(`${number}.${names[i]}`, number.length, room);
  }
  return short;
}

/** The positions of names that look like other ones, those that look alike together. */
function groupsOfAlike(names, short) {
  const groups = new Map();
  short.forEach((text, i) => groups.set(text, [...(groups.get(text) ?? []), i]));
  return [...groups.values()].filter((group) => new Set(group.map((i) => names[i])).size > 1);
}

function sharedLetters(names) {
  let shared = 0;
  while (names.every((name) => shared < name.length && name[shared] === names[0][shared])) shared += 1;
  return shared;
}

/** A name with so many letters of its beginning, and as many of its end as there is room for. */
function cut(name, beginning, room) {
  if (name.length <= room) return name;
  return `${name.slice(0, beginning)}…${name.slice(name.length - (room - beginning - 1))}`;
}

/** As much of a name as there is room for, from a letter on. */
function startingAt(name, start, room) {
  const before = start > 0 ? "…" : "";
  const whole = `${before}${name.slice(start)}`;
  return whole.length <= room ? whole : `${whole.slice(0, room - 1)}…`;
}
