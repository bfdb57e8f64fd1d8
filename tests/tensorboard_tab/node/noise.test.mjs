import assert from "node:assert/strict";
import test from "node:test";

import {
  floorText, isWithinNoise, largestNoise, verdictOf,
} from "../../../topocallback/tensorboard_tab/static/noise.js";

test("the floor of a pair is the larger noise, as far as it is known", () => {
  assert.equal(largestNoise(0.1, 0.3), 0.3);
  assert.equal(largestNoise(null, 0.3), 0.3);
  assert.equal(largestNoise(null, undefined), null);
  assert.equal(largestNoise(0, null), 0);
});

test("a distance is within noise only where both are known", () => {
  assert.ok(isWithinNoise(0.3, 0.3));
  assert.ok(!isWithinNoise(0.4, 0.3));
  assert.ok(!isWithinNoise(0, null));
  assert.ok(!isWithinNoise(null, 0.3));
});

test("a verdict says what is known and what is not", () => {
  assert.equal(verdictOf(0.6, 0.3), "2 × noise");
  assert.equal(verdictOf(0.3, 0.3), "within noise");
  assert.equal(verdictOf(0.3, 0), "above noise");
  assert.equal(verdictOf(0.3, null), "noise unknown");
  assert.equal(verdictOf(null, 0.3), "not measured");
});

test("a floor that is not known is said to be unknown", () => {
  assert.deepEqual([floorText(0.25), floorText(null)], ["noise floor 0.25", "noise unknown"]);
});
