/**
 * Records of version 1, which event files of old runs hold, as records of version 2. Version 1 described no table: its
 * keys said measure and homology dimension at once, like "sliced_wasserstein_H1". Nothing else knows such keys.
 */

/** A key's name and, where it has one, its homology dimension. */
const KEY = /^(.*?)(?:_H(\d+))?$/s;

/** What version 1 measured. `scaled`: in units of the diagrams, which the option `scale` tells. */
const DISTANCES = {
  sliced_wasserstein: { label: "Sliced Wasserstein distance", scaled: true },
  wasserstein: { label: "Wasserstein distance", scaled: true },
  bottleneck: { label: "Bottleneck distance", scaled: true },
};
const STATISTICS = {
  bars: { label: "Number of bars", unit: "bars", more: "more features" },
  total_persistence: { label: "Total persistence", scaled: true, more: "more or longer bars" },
  longest_bar: { label: "Longest bar", scaled: true, more: "a feature that lasts longer" },
  persistent_entropy: { label: "Persistent entropy", unit: "bits", more: "bars of more even length" },
  mapper_purity: { label: "Mapper purity", range: [0, 1], more: "classes further apart" },
  mapper_coverage: { label: "Mapper coverage", range: [0, 1], more: "more samples in a node" },
};

/**
 * @param {Object} raw A record of version 1, of which only the layers and samples are known to be there.
 * @returns {Object} The same as one of version 2, to be checked like any other.
 */
export function fromVersion1(raw) {
  const { noise, drift, drift_from_first: driftFromFirst, ...kept } = raw;
  const unit = raw.options?.scale === "quantile" ? "0.9 quantiles" : "activations' units";
  const distances = Object.entries(raw.distances ?? {});
  const statistics = Object.entries(raw.statistics ?? {});
  const isEmpty = (i) => distances[0]?.[1]?.[i]?.[i] === null;
  return {
    ...kept,
    version: 2,
    n_points: raw.layers.map((_, i) => (isEmpty(i) ? 0 : raw.sample_ids.length)),
    distances: distances.map(([key, matrix]) => ({
      ...describe(key, "distance", DISTANCES, unit),
      matrix,
      noise: noise?.[key],
      drift: drift?.[key],
      drift_from_first: driftFromFirst?.[key],
    })),
    statistics: statistics.map(([key, values]) => ({ ...describe(key, "statistic", STATISTICS, unit), values })),
  };
}

function describe(key, kind, known, scaleUnit) {
  const [, measure, dim] = KEY.exec(key);
  const { label = madeUp(measure), unit = "", scaled = false, range = [0, null], more = "" } = known[measure] ?? {};
  return {
    measure,
    homology_dim: dim === undefined ? null : Number(dim),
    label,
    unit: scaled ? scaleUnit : unit,
    range,
    kind,
    direction: "distance",
    paired: false,
    more,
  };
}

/** "My distance" from "my_distance": version 1 has no other name for a measure of the user's own. */
function madeUp(measure) {
  const words = measure.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
