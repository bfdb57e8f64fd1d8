/** What of a record is kept for every step: curves over time, and how far colours and axes have to reach. */

const TYPICAL_SHARE = 0.99;
const MATRICES = ["matrix", "p_values", "times_noise", "relative", "errors"];

/**
 * The small part of a record that is kept for every step. Of 200 steps with 20 layers and 512 samples, the records are
 * 69 MB of JSON and the digests 1.6 MB.
 * @param {import("./payload.js").Payload} payload
 */
export function digest(payload) {
  return {
    step: payload.step,
    epoch: payload.epoch,
    layers: payload.layers,
    reference: payload.reference ?? "",
    distances: payload.distances.map(withLimit),
    statistics: payload.statistics,
    scales: payload.scales,
    deaths: new Map(payload.homology_dims.map((dim, position) => [dim, largestDeath(payload.diagrams, dim, position)])),
  };
}

/** Instead of a table's matrices, its largest distance or noise. */
function withLimit(table) {
  const kept = Object.entries(table).filter(([name]) => !MATRICES.includes(name));
  return { ...Object.fromEntries(kept), limit: largest([...table.matrix.flat(), ...table.noise]) };
}

/** The largest death that is worth an axis. */
function largestDeath(diagrams, dim, position) {
  return largest(diagrams.map((layer) => typicalDeath(layer[position], dim)));
}

/** One point far from all others would squeeze everything else into a corner: H0 leaves out its last hundredth. */
function typicalDeath([, allDeaths], dim) {
  const deaths = allDeaths.filter((death) => death !== null);
  if (dim !== 0 || deaths.length === 0) return largest(deaths);
  return deaths.sort((a, b) => a - b)[Math.floor(TYPICAL_SHARE * (deaths.length - 1))];
}

/** The largest number of a list, at least 0; null counts as nothing. */
function largest(values) {
  return values.reduce((most, value) => (value !== null && value > most ? value : most), 0);
}
