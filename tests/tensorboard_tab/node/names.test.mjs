import assert from "node:assert/strict";
import test from "node:test";

import {
  dimensionName, featureName, shortened, shortLayerNames, titleOf, withUnit,
} from "../../../topocallback/tensorboard_tab/static/names.js";

test("the first dimensions have names of their own, all others their number", () => {
  assert.deepEqual([0, 1, 2, 3].map(dimensionName), ["H0 clusters", "H1 loops", "H2 voids", "H3"]);
  assert.deepEqual([1, 3].map(featureName), ["loops", "features"]);
});

test("a title is the label, with the homology dimension where there is one", () => {
  assert.equal(titleOf({ label: "Number of bars", homology_dim: 0 }), "Number of bars, H0");
  assert.equal(titleOf({ label: "Mapper purity", homology_dim: null }), "Mapper purity");
});

test("a unit stands behind the text, unless there is none or the text says it already", () => {
  assert.equal(withUnit("Longest bar", "0.9 quantiles"), "Longest bar (0.9 quantiles)");
  assert.equal(withUnit("Mapper purity", ""), "Mapper purity");
  assert.equal(withUnit("Number of bars, H1", "bars"), "Number of bars, H1");
  assert.equal(withUnit("Thickness", "s"), "Thickness (s)");
});

test("layers lose the leading parts that all of them share", () => {
  assert.deepEqual(shortLayerNames(["net.blocks.0", "net.blocks.1", "net.head"]), ["blocks.0", "blocks.1", "head"]);
  assert.deepEqual(shortLayerNames(["net.stem"]), ["net.stem"]);
  assert.deepEqual(shortLayerNames(["net", "net.stem"]), ["net", "net.stem"]);
});

test("long names are cut at their start", () => {
  assert.equal(shortened("encoder.layer.11.output", 10), "…11.output");
  assert.equal(shortened("head", 10), "head");
});
