import assert from "node:assert/strict";
import test from "node:test";

import { createLibrary } from "../../../topocallback/tensorboard_tab/static/library.js";
import { record } from "./records.mjs";

const entryOf = (step, time = 0) => ({ key: String(step), wall_time: time, step });

/** A library over records, and the keys that it asked for. */
function libraryOf(records) {
  const asked = [];
  const snapshot = async (key) => {
    asked.push(key);
    if (records[key] instanceof Error) throw records[key];
    return records[key];
  };
  return { library: createLibrary({ snapshot }), asked };
}

test("a record is fetched once", async () => {
  const { library, asked } = libraryOf([record({ step: 0 })]);
  const [first, second] = await Promise.all([library.load("run", entryOf(0)), library.load("run", entryOf(0))]);
  assert.equal(first.payload, second.payload);
  assert.deepEqual(asked, ["0"]);
  assert.ok(library.knows("run", entryOf(0)));
  assert.equal(library.count(), 1);
});

test("what cannot be read is said, and asked for again", async () => {
  const { library, asked } = libraryOf([record({ version: 99 }), new SyntaxError("{no json"), new TypeError("offline")]);
  const problems = [];
  for (const step of [0, 1, 2, 0]) problems.push((await library.load("run", entryOf(step))).problem);
  assert.match(problems[0], /newer version/);
  assert.match(problems[1], /damaged: it is not JSON/);
  assert.match(problems[2], /could not be fetched/);
  assert.deepEqual(asked, ["0", "1", "2", "0"]);
  assert.ok(!library.knows("run", entryOf(0)));
});

test("digests are in the order of their steps, whenever they were read", async () => {
  const { library } = libraryOf([0, 1, 2].map((step) => record({ step })));
  for (const step of [2, 0, 1]) await library.load("run", entryOf(step));
  assert.deepEqual(library.digests("run").map(({ step }) => step), [0, 1, 2]);
  assert.deepEqual(library.digests("another"), []);
});

test("a run that was started anew in the same folder forgets the curves of the old one", async () => {
  const { library } = libraryOf([0, 1].map((step) => record({ step })));
  for (const step of [0, 1]) await library.load("run", entryOf(step));
  library.retain("run", [entryOf(0, 99)]);
  assert.deepEqual(library.digests("run"), []);
  assert.ok(!library.knows("run", entryOf(0, 99)));
});
