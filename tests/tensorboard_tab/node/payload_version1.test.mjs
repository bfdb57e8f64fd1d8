import assert from "node:assert/strict";
import test from "node:test";

import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { recordsOfVersion1 } from "./records.mjs";

const [first, , last] = recordsOfVersion1();

test("a real record of version 1 is read without damage", () => {
  for (const raw of recordsOfVersion1()) {
    const payload = checkPayload(raw);
    assert.equal(payload.version, 3);
    assert.match(payload.remark, /^Recorded before noise was calibrated/);
    assert.equal(payload.damage, "");
    for (const key of ["step", "epoch", "layers", "homology_dims", "sample_ids", "labels", "diagrams", "mappers", "problems"]) {
      assert.deepEqual(payload[key], raw[key]);
    }
  }
});

test("its distances keep their numbers and get descriptions", () => {
  const table = checkPayload(first).distances[1];
  const unknown = [null, null, null];
  const untested = Object.fromEntries(
    ["p_values", "times_noise", "relative", "errors"].map((name) => [name, [unknown, unknown, unknown]]),
  );
  assert.deepEqual(table, {
    measure: "sliced_wasserstein",
    homology_dim: 1,
    label: "Sliced Wasserstein distance",
    unit: "0.9 quantiles",
    range: [0, null],
    kind: "distance",
    direction: "distance",
    paired: false,
    more: "",
    matrix: first.distances.sliced_wasserstein_H1,
    noise: unknown,
    ...untested,
    drift: first.drift.sliced_wasserstein_H1,
    drift_from_first: first.drift_from_first.sliced_wasserstein_H1,
    drift_p: unknown,
    drift_from_first_p: unknown,
    drift_errors: unknown,
    drift_from_first_errors: unknown,
  });
});

test("its statistics keep their numbers and get labels and units", () => {
  const { statistics } = checkPayload(first);
  assert.deepEqual(
    statistics.map(({ measure, homology_dim: dim, label, unit }) => [measure, dim, label, unit]),
    [
      ["bars", 0, "Number of bars", "bars"],
      ["total_persistence", 0, "Total persistence", "0.9 quantiles"],
      ["longest_bar", 0, "Longest bar", "0.9 quantiles"],
      ["persistent_entropy", 0, "Persistent entropy", "bits"],
      ["bars", 1, "Number of bars", "bars"],
      ["total_persistence", 1, "Total persistence", "0.9 quantiles"],
      ["longest_bar", 1, "Longest bar", "0.9 quantiles"],
      ["persistent_entropy", 1, "Persistent entropy", "bits"],
      ["mapper_coverage", null, "Mapper coverage", ""],
      ["mapper_purity", null, "Mapper purity", ""],
    ],
  );
  assert.deepEqual(statistics.map(({ values }) => values), Object.values(first.statistics));
});

test("a layer whose own distance is null had no point", () => {
  assert.deepEqual(checkPayload(first).n_points, [24, 24, 24]);
  assert.deepEqual(checkPayload(last).n_points, [24, 0, 24]);
});

test("without a scale, distances are in the activations' units", () => {
  const payload = checkPayload({ ...first, options: { scale: "none" } });
  assert.deepEqual(payload.distances.map(({ unit }) => unit), ["activations' units", "activations' units"]);
});

test("a measure of the user's own gets a name from its key, and no unit", () => {
  const renamed = Object.fromEntries(
    ["distances", "noise", "drift", "drift_from_first"].map((name) => {
      return [name, { "my_H2_distance_H12": first[name].sliced_wasserstein_H0, "constructor": first[name].sliced_wasserstein_H0 }];
    }),
  );
  const { distances } = checkPayload({ ...first, ...renamed });
  assert.deepEqual(
    distances.map(({ measure, homology_dim: dim, label, unit }) => [measure, dim, label, unit]),
    [["my_H2_distance", 12, "My H2 distance", ""], ["constructor", null, "Constructor", ""]],
  );
});

test("a damaged table of version 1 costs itself", () => {
  const payload = checkPayload({ ...first, distances: { ...first.distances, sliced_wasserstein_H0: [[0]] } });
  assert.deepEqual(payload.distances.map((table) => table.homology_dim), [1]);
  assert.match(payload.damage, /Sliced Wasserstein distance, H0\.$/);
});

test("a record of version 1 that lacks tables has none", () => {
  const { distances, statistics, noise, ...rest } = first;
  const payload = checkPayload(rest);
  assert.deepEqual([payload.distances, payload.statistics], [[], []]);
});
