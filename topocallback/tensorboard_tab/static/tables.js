/**
 * The tables of a record, and which of them is which: a measure in one homology dimension, or one that has none (null).
 * Measure and dimension are identities: they are compared, and neither is taken apart. What is shown of a table, its
 * description says.
 *
 * @typedef {Object} Description
 * @property {string} measure Tells the measure from all others of a record; shown only where there is no label.
 * @property {?number} homology_dim
 * @property {string} label What people call it, like "Sliced Wasserstein distance".
 * @property {string} unit Of its numbers; empty for plain numbers.
 * @property {[?number, ?number]} range The smallest and the largest value there can be; null: without bound.
 * @property {"distance"|"statistic"} kind
 * @property {"distance"|"similarity"} direction "similarity": known as one, recorded as a distance, and the label says
 *   what 0 and 1 mean.
 * @property {boolean} paired Whether it needs the same samples on both sides.
 * @property {string} more What a larger value means, in a few words; may be empty.
 */

/** The table of a measure in a dimension; of a measure without dimensions the only one there is, whichever is chosen. */
export function findTable(tables, measure, dim) {
  const own = tables.filter((table) => table.measure === measure);
  return own.find((table) => table.homology_dim === dim) ?? own.find((table) => table.homology_dim === null) ?? null;
}

/** The measures of some tables, each once, as [measure, label], in the order of their tables. */
export function measuresOf(tables) {
  return [...new Map(tables.map(({ measure, label }) => [measure, label]))];
}

/** The homology dimensions of a measure's tables, none for a measure without. */
export function dimensionsOf(tables, measure) {
  const dims = tables.filter((table) => table.measure === measure).map((table) => table.homology_dim);
  return [...new Set(dims)].filter((dim) => dim !== null).sort((a, b) => a - b);
}
