/** Records for the tests: one made by hand, and those that an older version of the package wrote. */
import { readFileSync } from "node:fs";

/**
 * Three layers, four samples, H0 and H1: a distance between diagrams, one without dimensions, and three statistics.
 * @param {Object} changes What is different about it.
 */
export function record(changes = {}) {
  return {
    version: 3,
    step: 7,
    epoch: 0,
    layers: ["net.stem", "net.block", "net.head"],
    n_points: [4, 4, 4],
    homology_dims: [0, 1],
    options: { scale: "quantile" },
    classes: ["cat", "dog"],
    sample_ids: [2, 3, 5, 8],
    labels: [0, 1, 0, 1],
    distances: [
      distance({ homology_dim: 0 }),
      distance({ homology_dim: 1, matrix: [[0, 1, 2], [1, 0, 3], [2, 3, 0]], noise: [0.5, 9, null] }),
      distance({ measure: "cka", label: "1 − linear CKA (0: same, 1: unrelated)", unit: "", homology_dim: null, noise: null }),
    ],
    statistics: [
      statistic({ homology_dim: 0 }),
      statistic({ homology_dim: 1, values: [5, 6, 7] }),
      statistic({ measure: "rank", label: "Effective rank", unit: "directions", homology_dim: null, more: "less collapsed" }),
    ],
    scales: [1, 2, 3],
    problems: {},
    seconds: {},
    diagrams: [0.1, 0.2, 0.3].map((size) => [[[0, 0], [null, size]], [[size], [2 * size]]]),
    simplices: [null, [[[], [[], [0, 1]]], [[[2, 3]], [[1, 3, 0]]]], [[[], []], [[], []]]],
    mappers: [null, null, null],
    ...changes,
  };
}

export function distance(changes) {
  return {
    measure: "sliced_wasserstein",
    homology_dim: null,
    label: "Sliced Wasserstein distance",
    unit: "0.9 quantiles",
    range: [0, null],
    kind: "distance",
    direction: "distance",
    paired: false,
    more: "",
    matrix: [[0, 0.1, 0.2], [0.1, 0, 0.3], [0.2, 0.3, 0]],
    noise: [0.05, 0.06, 0.07],
    p_values: [[null, 0.25, 0.0005], [0.25, null, 0.04], [0.0005, 0.04, null]],
    times_noise: [[0, 1.8, 0.9], [1.8, 0, 4.6], [0.9, 4.6, 0]],
    relative: [[0, 0.21, 0.4], [0.21, 0, 0.6], [0.4, 0.6, 0]],
    errors: null,
    drift: [0.01, 0.02, 0.03],
    drift_from_first: [0.1, 0.2, 0.3],
    drift_p: [0.5, 0.01, null],
    drift_from_first_p: [0.001, 0.002, 0.003],
    drift_errors: [null, null, null],
    drift_from_first_errors: [null, null, null],
    ...changes,
  };
}

export function statistic(changes) {
  return {
    measure: "bars",
    homology_dim: null,
    label: "Number of bars",
    unit: "bars",
    range: [0, null],
    kind: "statistic",
    direction: "distance",
    paired: false,
    more: "more features",
    values: [1, 2, 3],
    errors: null,
    ...changes,
  };
}

/** What topocallback 0.1.0 wrote at three steps of a run. At the last one the second layer's activations were NaN. */
export function recordsOfVersion1() {
  return JSON.parse(readFileSync(new URL("version_1.json", import.meta.url), "utf8"));
}
