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
 * Layers' names without the leading parts that all of them share, cut at the start, which tells them apart less than
 * the end does.
 * @param {string[]} layers
 * @returns {string[]}
 */
export function shortLayerNames(layers, most = MOST_LETTERS) {
  const parts = layers.map((layer) => layer.split("."));
  let shared = 0;
  if (layers.length > 1) {
    while (parts.every((part) => part.length > shared + 1 && part[shared] === parts[0][shared])) shared += 1;
  }
  return parts.map((part) => shortened(part.slice(shared).join("."), most));
}

/** A text's end, in at most so many letters. */
export function shortened(text, most = MOST_LETTERS) {
  return text.length > most ? `…${text.slice(text.length - most + 1)}` : text;
}
