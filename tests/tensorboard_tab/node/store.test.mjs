import assert from "node:assert/strict";
import test from "node:test";

import { createStore } from "../../../topocallback/tensorboard_tab/static/store.js";

test("changes made in one go are told once, in the order of subscription, to those who asked for them", async () => {
  const store = createStore({ step: 1, run: "a", dark: false });
  const told = [];
  store.subscribe(["step", "run"], ({ step, run }) => told.push(["first", step, run]));
  store.subscribe(["dark"], () => told.push(["never"]));
  store.subscribe(["step"], () => told.push(["second"]));
  store.set({ step: 2 });
  store.set({ step: 3, run: "b" });
  await Promise.resolve();
  assert.deepEqual(told, [["first", 3, "b"], ["second"]]);
});

test("a value that stays the same is no change", async () => {
  const store = createStore({ step: 1 });
  const told = [];
  store.subscribe(["step"], () => told.push("step"));
  store.set({ step: 1 });
  await Promise.resolve();
  assert.deepEqual(told, []);
});
