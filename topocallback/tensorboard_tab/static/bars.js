/**
 * Which inputs make a bar of a diagram and end it, in words.
 *
 * @typedef {Object} Bar
 * @property {string} layer
 * @property {number} dim
 * @property {number} position Among the layer's bars in that dimension, the longest first.
 *
 * @typedef {{text: string, inputs: number[]}} Sentence Inputs are positions in `sample_ids`.
 */
import { plural, readableNumber } from "./numbers.js";

/**
 * The inputs that make the longest bars of a layer, and those that end them; null where they are not known.
 * @param {import("./payload.js").Payload} payload
 * @param {string} layer
 * @param {number} dim
 * @returns {?[number[][], number[][]]}
 */
export function simplicesOf(payload, layer, dim) {
  return payload.simplices[payload.layers.indexOf(layer)]?.[payload.homology_dims.indexOf(dim)] ?? null;
}

/** "birth 0.4 · death 0.9 · lasts 0.5". @param {Bar} bar */
export function lifeOf(payload, bar) {
  const [birth, death] = lifetime(payload, bar);
  const end = death === null ? ["never dies"] : [`death ${readableNumber(death)}`, `lasts ${readableNumber(death - birth)}`];
  return [`birth ${readableNumber(birth)}`, ...end].join(" · ");
}

/**
 * What makes a bar and what ends it.
 * @param {import("./payload.js").Payload} payload
 * @param {Bar} bar One of a layer whose simplices are known.
 * @returns {Sentence[]}
 */
export function storyOf(payload, bar) {
  const [births, ends] = simplicesOf(payload, bar.layer, bar.dim);
  if (bar.position >= ends.length) {
    return [{ text: `Kept here for the ${plural(ends.length, "longest bar")} only; the archive has the inputs of all.`, inputs: [] }];
  }
  const [birth, death] = lifetime(payload, bar).map(readableNumber);
  const makes = births[bar.position] ?? [];
  const end = ends[bar.position];
  if (bar.dim === 0) return [endOfCluster(death, end)];
  return bar.dim === 1 ? storyOfLoop(birth, death, makes, end) : storyOfHigher(birth, death, makes, end);
}

function endOfCluster(death, end) {
  if (end.length === 0) return { text: "Never ends: at last, all inputs are one cluster.", inputs: [] };
  return { text: `Ends at ${death}, when these two are joined: two clusters become one.`, inputs: end };
}

function storyOfLoop(birth, death, makes, end) {
  const born = { text: `Born at ${birth}, when these two are joined: they close the loop.`, inputs: makes };
  if (end.length === 0) return [born, { text: "Never ends.", inputs: [] }];
  return [
    born,
    { text: `Ends at ${death}, when these two are joined …`, inputs: end.slice(0, 2) },
    { text: "… and fill it, in a triangle with this one, for instance.", inputs: end.slice(2) },
  ];
}

function storyOfHigher(birth, death, makes, end) {
  const last = "when the first two of these are joined, the last ones to be.";
  const born = { text: `Born at ${birth}, ${last}`, inputs: makes };
  return [born, { text: end.length === 0 ? "Never ends." : `Ends at ${death}, ${last}`, inputs: end }];
}

function lifetime(payload, { layer, dim, position }) {
  const diagram = payload.diagrams[payload.layers.indexOf(layer)][payload.homology_dims.indexOf(dim)];
  return diagram.map((values) => values[position]);
}
