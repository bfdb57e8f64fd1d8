import assert from "node:assert/strict";
import test from "node:test";

import { dimensionsOf, findTable, measuresOf } from "../../../topocallback/tensorboard_tab/static/tables.js";
import { distance, record } from "./records.mjs";

const { distances } = record();

test("a table is found by measure and dimension", () => {
  assert.equal(findTable(distances, "sliced_wasserstein", 1), distances[1]);
  assert.equal(findTable(distances, "sliced_wasserstein", 2), null);
  assert.equal(findTable(distances, "another", 1), null);
});

test("the table of a measure without dimensions is found whichever dimension is chosen", () => {
  assert.equal(findTable(distances, "cka", 1), distances[2]);
  assert.equal(findTable(distances, "cka", null), distances[2]);
});

test("measures are listed once, by label, in their order", () => {
  assert.deepEqual(measuresOf(distances), [
    ["sliced_wasserstein", "Sliced Wasserstein distance"],
    ["cka", "1 − linear CKA (0: same, 1: unrelated)"],
  ]);
});

test("a measure's dimensions are in order, and a measure may have none", () => {
  assert.deepEqual(dimensionsOf([distance({ homology_dim: 2 }), ...distances], "sliced_wasserstein"), [0, 1, 2]);
  assert.deepEqual(dimensionsOf(distances, "cka"), []);
});

test("a name is never taken apart", () => {
  const odd = [distance({ measure: "mine_H0", homology_dim: 1 }), distance({ measure: "mine", homology_dim: 0 })];
  assert.equal(findTable(odd, "mine", 0), odd[1]);
  assert.equal(findTable(odd, "mine_H0", 1), odd[0]);
  assert.equal(findTable(odd, "mine_H0", 0), null);
});
