import assert from "node:assert/strict";
import test from "node:test";

import { lifeOf, simplicesOf, storyOf } from "../../../topocallback/tensorboard_tab/static/bars.js";
import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { record } from "./records.mjs";

const payload = checkPayload(record());
const layer = "net.block";

test("simplices are those of a layer and a dimension, where they are known", () => {
  assert.deepEqual(simplicesOf(payload, layer, 1), [[[2, 3]], [[1, 3, 0]]]);
  for (const [name, dim] of [["net.stem", 1], [layer, 2], ["another", 0]]) assert.equal(simplicesOf(payload, name, dim), null);
});

test("a bar's life is in words", () => {
  assert.equal(lifeOf(payload, { layer, dim: 0, position: 0 }), "birth 0 · never dies");
  assert.equal(lifeOf(payload, { layer, dim: 1, position: 0 }), "birth 0.2 · death 0.4 · lasts 0.2");
});

test("a cluster ends by two inputs, and the last one does not", () => {
  const [{ text, inputs }, ...others] = storyOf(payload, { layer, dim: 0, position: 1 });
  assert.match(text, /^Ends at 0\.2, when these two are joined/);
  assert.deepEqual([inputs, others], [[0, 1], []]);
  assert.deepEqual(storyOf(payload, { layer, dim: 0, position: 0 }).map((one) => one.inputs), [[]]);
  assert.match(storyOf(payload, { layer, dim: 0, position: 0 })[0].text, /^Never ends/);
});

test("a loop is made by two inputs and ended by two and an example of a third", () => {
  const story = storyOf(payload, { layer, dim: 1, position: 0 });
  assert.deepEqual(story.map(({ inputs }) => inputs), [[2, 3], [1, 3], [0]]);
  assert.match(story[0].text, /^Born at 0\.2, when these two are joined/);
  assert.match(story[1].text, /^Ends at 0\.4, when these two are joined/);
  assert.match(story[2].text, /for instance/);
});

test("of higher dimensions all inputs of a simplex are shown, those of its longest edge first", () => {
  const diagrams = record().diagrams.map(([, loops]) => [loops]);
  const voids = checkPayload(record({ homology_dims: [2], diagrams, simplices: [null, [[[[0, 1, 2]], [[3, 1, 0, 2]]]], null] }));
  const story = storyOf(voids, { layer, dim: 2, position: 0 });
  assert.deepEqual(story.map(({ inputs }) => inputs), [[0, 1, 2], [3, 1, 0, 2]]);
  for (const { text } of story) assert.match(text, /the first two of these are joined/);
});

test("of a bar beyond those that are kept it is said that the archive has its inputs", () => {
  const few = checkPayload(record({ simplices: [null, [[[], [[]]], [[], []]], null] }));
  const [{ text, inputs }] = storyOf(few, { layer, dim: 0, position: 1 });
  assert.deepEqual(inputs, []);
  assert.match(text, /^Kept here for the 1 longest bar only; the archive/);
});
