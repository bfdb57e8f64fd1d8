import assert from "node:assert/strict";
import test from "node:test";

import { digest } from "../../../topocallback/tensorboard_tab/static/digest.js";
import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { record } from "./records.mjs";

test("a digest keeps the curves and leaves out matrices, diagrams and graphs", () => {
  const payload = checkPayload(record());
  const kept = digest(payload);
  assert.deepEqual([kept.step, kept.epoch, kept.layers, kept.scales], [7, 0, payload.layers, [1, 2, 3]]);
  assert.deepEqual(kept.distances[1].drift, [0.01, 0.02, 0.03]);
  assert.equal(kept.distances[1].label, "Sliced Wasserstein distance");
  assert.deepEqual(kept.distances[1].drift_p, [0.5, 0.01, null]);
  assert.deepEqual(kept.statistics, payload.statistics);
  assert.doesNotMatch(JSON.stringify(kept), /matrix|p_values|times_noise|relative|diagrams|mappers/);
});

test("a distance's limit is its largest number or noise, and 0 where nothing is known", () => {
  const limits = (changes) => digest(checkPayload(record(changes))).distances.map(({ limit }) => limit);
  assert.deepEqual(limits(), [0.3, 9, 0.3]);
  const unknown = { ...record().distances[0], matrix: [[null, null, null], [null, null, null], [null, null, null]], noise: null };
  assert.deepEqual(limits({ distances: [unknown] }), [0]);
});

test("an axis reaches the largest death, whatever never dies", () => {
  assert.deepEqual([...digest(checkPayload(record())).deaths], [[0, 0.3], [1, 0.6]]);
});

test("in H0, one point far from all others does not count", () => {
  const births = new Array(200).fill(0);
  const deaths = births.map((_, i) => (i === 0 ? 1000 : i / 200));
  const far = [[births, deaths], [births, deaths]];
  const { deaths: limits } = digest(checkPayload(record({ layers: ["a"], diagrams: [far] })));
  assert.ok(limits.get(0) < 1);
  assert.equal(limits.get(1), 1000);
});

test("a layer without features asks for no axis", () => {
  const empty = [[[], []], [[], []]];
  const kept = digest(checkPayload(record({ diagrams: [empty, empty, empty] })));
  assert.deepEqual([...kept.deaths], [[0, 0], [1, 0]]);
});
