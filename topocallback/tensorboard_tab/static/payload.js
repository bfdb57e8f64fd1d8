/**
 * What one step's record holds, and what of it is kept for every step.
 *
 * @typedef {Object} Payload The JSON that `views/payload.py` writes; NaN and infinity are null.
 * @property {number} version
 * @property {number} step
 * @property {number} epoch
 * @property {string[]} layers The L layers, in the model's order.
 * @property {number[]} homology_dims The D homology dimensions.
 * @property {string[]} classes
 * @property {number[]} sample_ids The n samples' indices in the data set.
 * @property {?number[]} labels The number of each sample's class.
 * @property {Object<string, number[][]>} distances Measure, like "sliced_wasserstein_H1", to an L by L matrix.
 * @property {Object<string, number[]>} noise Measure to the L layers' noise floors.
 * @property {Object<string, number[]>} drift
 * @property {Object<string, number[]>} drift_from_first
 * @property {Object<string, number[]>} statistics
 * @property {number[]} scales
 * @property {Object<string, string>} problems Layer to a sentence.
 * @property {number[][][][]} diagrams Per layer, per dimension: births, deaths (null: never dies); longest bar first.
 * @property {(?MapperGraph)[]} mappers Per layer.
 *
 * @typedef {Object} MapperGraph
 * @property {number[]} x In [-1, 1], like `y`.
 * @property {number[]} y
 * @property {number[]} sizes
 * @property {number[][]} members Positions in `sample_ids`.
 * @property {number[][]} edges First node, second node, how many samples they share.
 */

const NEWEST_VERSION = 1;
const TYPICAL_SHARE = 0.99;

/**
 * Check a record before anything draws it.
 * @param {*} raw Parsed JSON.
 * @returns {Payload}
 * @throws {Error} With a sentence that can be shown.
 */
export function checkPayload(raw) {
  if (raw === null || typeof raw !== "object") throw new Error("This step's record is damaged: it holds no object.");
  if (typeof raw.version === "number" && raw.version > NEWEST_VERSION) {
    throw new Error(
      `This step was written by a newer version of topocallback (record version ${raw.version}, this page reads up ` +
        `to ${NEWEST_VERSION}). Update topocallback where TensorBoard runs.`,
    );
  }
  const missing = ["layers", "homology_dims", "sample_ids", "diagrams"].filter((key) => !Array.isArray(raw[key]));
  if (raw.version !== NEWEST_VERSION || missing.length > 0) {
    throw new Error(`This step's record is damaged: ${missing.join(", ") || "its version"} cannot be read.`);
  }
  const tables = ["distances", "noise", "drift", "drift_from_first", "statistics", "problems", "options"];
  const absent = Object.fromEntries(tables.filter((key) => !raw[key]).map((key) => [key, {}]));
  return { classes: [], labels: null, mappers: [], scales: [], ...raw, ...absent };
}

/**
 * The small part of a record that is kept for every step: curves over time, and how far colours and axes have to
 * reach. Of 200 steps with 20 layers and 512 samples, the records are 75 MB of JSON and the digests 0.7 MB.
 * @param {Payload} payload
 */
export function digest(payload) {
  const curves = { scale: payload.scales };
  for (const table of ["drift", "drift_from_first", "noise"]) {
    for (const [measure, values] of Object.entries(payload[table])) curves[`${table}/${measure}`] = values;
  }
  Object.assign(curves, payload.statistics);
  return { step: payload.step, epoch: payload.epoch, layers: payload.layers, curves, limits: limitsOf(payload) };
}

/** Largest distance or noise per measure, and the largest death worth an axis per homology dimension. */
function limitsOf(payload) {
  const limits = {};
  for (const [measure, matrix] of Object.entries(payload.distances)) {
    limits[measure] = largest([...matrix.flat(), ...(payload.noise[measure] ?? [])]);
  }
  payload.homology_dims.forEach((dim, position) => {
    limits[`bars_H${dim}`] = largest(payload.diagrams.map((layer) => typicalDeath(layer[position], dim)));
  });
  return limits;
}

/** One point far from all others would squeeze everything else into a corner: H0 leaves out its last hundredth. */
function typicalDeath(diagram, dim) {
  const deaths = (diagram?.[1] ?? []).filter((death) => death !== null);
  if (dim !== 0 || deaths.length === 0) return largest(deaths);
  return deaths.sort((a, b) => a - b)[Math.floor(TYPICAL_SHARE * (deaths.length - 1))];
}

/** The largest number of a list; null counts as nothing. */
export function largest(values) {
  return values.reduce((most, value) => (value !== null && value > most ? value : most), 0);
}

/** The names of the measures without their homology dimension, and the dimensions. */
export function measuresOf(payload) {
  return [...new Set(Object.keys(payload.distances).map((key) => key.replace(/_H\d+$/, "")))];
}
