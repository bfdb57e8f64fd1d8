import assert from "node:assert/strict";
import test from "node:test";

import {
  dimensionName, featureName, shortLayerName, shortLayerNames, shortNames, titleOf, withUnit,
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
  assert.deepEqual(shortNames(["encoder.layer.11.output", "head"], 10), ["…11.output", "head"]);
});

test("names that end alike are cut in the middle", () => {
  const layers = [2, 3, 4].map((stage) => `layer${stage}.0.downsample.0`);
  assert.deepEqual(shortNames(layers, 14), ["layer2…ample.0", "layer3…ample.0", "layer4…ample.0"]);
});

test("different names stay different and as short as is asked for, wherever they differ", () => {
  const blocks = [...Array(12).keys()].map((i) => `encoder.layers.${i}.attention.self.query`);
  const inside = [...Array(12).keys()].map((i) => `a.long.common.beginning.${i}.and.a.long.common.end`);
  const nested = ["x".repeat(30), "x".repeat(31), "x".repeat(40), `${"x".repeat(20)}y${"x".repeat(20)}`];
  const twins = ["run/version_0/checkpoints/last", "run/version_1/checkpoints/last", "run/version_1/checkpoints/best"];
  for (const names of [blocks, inside, nested, twins, [...blocks, ...inside, ...nested, "…query"]]) {
    for (const most of [10, 14, 18, 26]) {
      const short = shortNames(names, most);
      assert.equal(new Set(short).size, names.length, `${most}: ${short}`);
      assert.ok(short.every((name) => name.length <= most), `${most}: ${short}`);
    }
  }
});

test("equal names stay equal", () => {
  const [first, second, other] = shortNames(["a.long.name.of.a.layer", "a.long.name.of.a.layer", "b.long.name.of.a.layer"], 10);
  assert.equal(first, second);
  assert.notEqual(first, other);
});

test("one layer's name is the one that it has among all", () => {
  const layers = ["net.layer2.0.downsample.0", "net.layer3.0.downsample.0", "net.head"];
  layers.forEach((layer, i) => assert.equal(shortLayerName(layer, layers, 14), shortLayerNames(layers, 14)[i]));
  assert.equal(shortLayerName("another.layer.of.another.run", layers, 10), "…other.run");
});
