import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import {
  driftVerdict, isNotToldApart, isToldApart, LEVEL, noiseText, pairFacts, pText,
} from "../../../topocallback/tensorboard_tab/static/noise.js";
import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { distance, record } from "./records.mjs";

/** The facts of one pair's distance. */
function facts(changes, i = 0, j = 1) {
  return pairFacts(checkPayload(record({ distances: [distance(changes)] })).distances[0], i, j);
}

test("the level is the records' level", () => {
  const python = readFileSync(new URL("../../../topocallback/records/results.py", import.meta.url), "utf8");
  assert.equal(LEVEL, Number(/^LEVEL = ([\d.]+)$/m.exec(python)[1]));
});

test("a test tells apart up to the level, and says nothing where there was none", () => {
  assert.deepEqual([0.0005, 0.05, 0.0503, null].map(isToldApart), [true, true, false, false]);
  assert.deepEqual([0.0005, 0.05, 0.0503, null].map(isNotToldApart), [false, false, true, false]);
});

test("p has two digits, three beside the level, and below a thousandth a bound", () => {
  assert.deepEqual([1 / 2048, 0.001, 0.0122, 0.713, 0.0498, 0.0503, 0.05, 1, null].map(pText), [
    "p < 0.001", "p = 0.001", "p = 0.012", "p = 0.71", "p = 0.0498", "p = 0.0503", "p = 0.05", "p = 1", null,
  ]);
});

test("a pair has a size, a test, a share of the largest distance, and a verdict by the test alone", () => {
  assert.deepEqual(facts({}), {
    distance: "distance 0.1",
    size: "1.8 × noise",
    p: "p = 0.25",
    relative: "relative 0.21",
    verdict: "not told apart",
    isClear: false,
  });
  const { size, verdict, isClear } = facts({}, 0, 2);
  assert.deepEqual([size, verdict, isClear], ["0.9 × noise", "told apart", true]);
});

test("what is not known is not said", () => {
  const untested = facts({ p_values: null, times_noise: null, relative: null });
  assert.deepEqual(untested, {
    distance: "distance 0.1", size: null, p: null, relative: null, verdict: "not tested", isClear: false,
  });
  const row = [null, null, null];
  assert.equal(facts({ matrix: [row, row, row] }).verdict, "not measured");
  assert.deepEqual([pairFacts(null, 0, 1).distance, pairFacts(null, 0, 1).verdict], ["distance –", "not measured"]);
});

test("a paired distance has its standard error instead of a size and a verdict", () => {
  const errors = [[0, 0.0213, 0.03], [0.0213, 0, 0.01], [0.03, 0.01, null]];
  const paired = facts({ paired: true, p_values: null, errors });
  assert.deepEqual([paired.distance, paired.size, paired.verdict], ["distance 0.1 ± 0.021", null, null]);
  assert.equal(facts({ paired: true, p_values: null }).verdict, "not tested");
});

test("drift is beyond noise or not told apart", () => {
  assert.equal(driftVerdict(0.012), "p = 0.012 · beyond noise");
  assert.equal(driftVerdict(0.3), "p = 0.3 · not told apart");
});

test("noise that is not known is said to be unknown", () => {
  assert.deepEqual([noiseText(0.25), noiseText(null)], ["the layer’s own noise 0.25", "the layer’s own noise is not known"]);
});
