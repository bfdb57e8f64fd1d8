/** Names as they are shown: of layers, measures, quantities and homology dimensions. */

const MOST_LETTERS = 26;

/** What people call the features of a dimension. */
const FEATURES = { 0: "clusters", 1: "loops", 2: "voids" };

const QUANTITIES = {
  drift: "Drift since the previous step",
  drift_from_first: "Drift since the first step",
  noise: "Noise floor",
  bars: "Number of bars",
  total_persistence: "Total persistence",
  longest_bar: "Longest bar",
  persistent_entropy: "Persistent entropy (bits)",
  mapper_purity: "Mapper purity",
  mapper_coverage: "Mapper coverage",
  scale: "Scale of the activations",
};

/** "H1 loops". */
export function dimensionName(dim) {
  return FEATURES[dim] ? `H${dim} ${FEATURES[dim]}` : `H${dim}`;
}

/** What a bar of this dimension stands for, in plain words. */
export function featureName(dim) {
  return FEATURES[dim] ?? "features";
}

/** "Sliced Wasserstein" from "sliced_wasserstein". */
export function measureName(measure) {
  const words = measure.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1).replace("wasserstein", "Wasserstein");
}

/** A quantity's name without its homology dimension. */
export function quantityName(quantity) {
  return QUANTITIES[quantity] ?? measureName(quantity);
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
