import assert from "node:assert/strict";
import test from "node:test";

import { classShares, counterpart } from "../../../topocallback/tensorboard_tab/static/nodes.js";

const PAYLOAD = { sample_ids: [10, 11, 12, 13, 14], labels: [0, 1, 1, 1, 0] };
const GRAPH = { members: [[0, 1], [1, 2, 3], [4]] };

test("a node's classes stand in the order of their shares, then of their numbers", () => {
  assert.deepEqual(classShares(GRAPH, PAYLOAD, 0), [
    { label: 0, count: 1, share: 0.5 },
    { label: 1, count: 1, share: 0.5 },
  ]);
  assert.deepEqual(classShares({ members: [[0, 1, 2]] }, PAYLOAD, 0).map(({ label }) => label), [1, 0]);
});

test("without labels a node has no classes", () => {
  assert.deepEqual(classShares(GRAPH, { ...PAYLOAD, labels: null }, 0), []);
});

test("at another step, a node goes on as the one that shares most of its samples", () => {
  assert.equal(counterpart(GRAPH, PAYLOAD, { index: 0, samples: [11, 12, 13] }), 1);
  assert.equal(counterpart(GRAPH, PAYLOAD, { index: 2, samples: [14] }), 2);
  assert.equal(counterpart(GRAPH, PAYLOAD, { index: 9, samples: [10] }), 0);
  assert.equal(counterpart(GRAPH, PAYLOAD, { index: 0, samples: [99] }), null);
});
