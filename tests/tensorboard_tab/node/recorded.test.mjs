import assert from "node:assert/strict";
import test from "node:test";

import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { inWords, rowsOf } from "../../../topocallback/tensorboard_tab/static/recorded.js";
import { record } from "./records.mjs";

const side = (recording, options = { scale: "quantile" }) => checkPayload(record({ recording, options }));

test("a step says how it was recorded, and under which options", () => {
  const rows = rowsOf([side({ pooling: "mean", n_samples: 512 }, { scale: "none", measures: ["x"], homology_dims: [0, 1] })]);
  assert.deepEqual(rows.map(({ name, values }) => [name, values[0]]), [
    ["pooling", "mean"],
    ["n samples", "512"],
    ["scale", "none"],
    ["homology dims", "0, 1"],
  ]);
  assert.equal(rows.some((row) => row.differs), false);
});

test("two sides differ where both say something and it is not the same", () => {
  const rows = rowsOf([side({ pooling: "mean", seed: 0, mask: null }), side({ pooling: "flatten", seed: 0, labels: "auto" })]);
  assert.deepEqual(rows.filter((row) => row.differs).map((row) => [row.name, row.values]), [["pooling", ["mean", "flatten"]]]);
  assert.deepEqual(rows.find((row) => row.name === "labels").values, ["", "auto"]);
});

test("what an older or a damaged record holds instead is not known", () => {
  for (const recording of [undefined, null, "mean", ["mean"], 3]) {
    assert.deepEqual(rowsOf([side(recording, null)]), []);
  }
});

test("every value has words, long ones are cut short and counted", () => {
  assert.equal(inWords(null), "none");
  assert.equal(inWords(true), "yes");
  assert.equal(inWords({ stem: "mean over 40 positions", head: [1, 2] }), "stem: mean over 40 positions, head: 1, 2");
  assert.equal(inWords(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
});
