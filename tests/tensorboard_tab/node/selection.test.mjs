import assert from "node:assert/strict";
import test from "node:test";

import { createLibrary } from "../../../topocallback/tensorboard_tab/static/library.js";
import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { quantityId } from "../../../topocallback/tensorboard_tab/static/quantities.js";
import {
  choiceOfMeasure, entryAt, initialState, limitOf, settle, unionOfSteps,
} from "../../../topocallback/tensorboard_tab/static/selection.js";
import { findTable } from "../../../topocallback/tensorboard_tab/static/tables.js";
import { distance, record, statistic } from "./records.mjs";

const payloadOf = (changes) => checkPayload(record(changes));
/** The state once a record is shown. */
const settled = (payload, state = initialState()) => ({ ...state, ...settle(state, payload, true) });

test("the first record decides what is shown: its first measure, loops, the ends of the network", () => {
  const { measure, dim, pair, layer, charts } = settled(payloadOf());
  assert.deepEqual([measure, dim, pair, layer], ["sliced_wasserstein", 1, ["net.stem", "net.head"], "net.head"]);
  assert.deepEqual(charts, [quantityId("drift_from_first"), quantityId("statistic", "bars")]);
});

test("choices that exist stay", () => {
  const chosen = { measure: "cka", dim: 0, pair: ["net.block", "net.head"], layer: "net.stem" };
  const charts = [quantityId("scale"), quantityId("statistic", "rank")];
  const after = settled(payloadOf(), { ...initialState(), ...chosen, charts });
  assert.deepEqual({ ...after, charts: null }, { ...initialState(), ...chosen, charts: null });
  assert.deepEqual(after.charts, charts);
});

test("a measure that the record lacks gives way to its first", () => {
  assert.equal(settled(payloadOf(), { ...initialState(), measure: "gone" }).measure, "sliced_wasserstein");
  assert.equal(settled(payloadOf({ distances: [] })).measure, null);
});

test("a measure without dimensions leaves the dimension for diagrams and statistics", () => {
  const { distances } = record();
  const onlyCka = payloadOf({ distances: [distances[2]] });
  assert.deepEqual([settled(onlyCka).measure, settled(onlyCka).dim], ["cka", 1]);
  const state = settled(payloadOf(), { ...initialState(), dim: 0 });
  assert.deepEqual(choiceOfMeasure(state, payloadOf(), "cka"), { measure: "cka" });
});

test("a measure that lacks the chosen dimension brings one that it has", () => {
  const payload = payloadOf({ distances: [...record().distances, distance({ measure: "mine", homology_dim: 0 })] });
  assert.deepEqual(choiceOfMeasure({ dim: 1 }, payload, "mine"), { measure: "mine", dim: 0 });
  assert.deepEqual(choiceOfMeasure({ dim: 0 }, payload, "mine"), { measure: "mine" });
  const [only] = payload.distances.slice(-1);
  assert.equal(settled({ ...payload, distances: [only] }).dim, 0);
});

test("a dimension of which there are only tables can be chosen", () => {
  const payload = payloadOf({ distances: [distance({ homology_dim: 2 })] });
  assert.equal(settled(payload, { ...initialState(), dim: 2 }).dim, 2);
});

test("without diagrams the tables' dimensions are left, or none", () => {
  const bare = { homology_dims: [], diagrams: [[], [], []], distances: [] };
  assert.equal(settled(payloadOf({ ...bare, statistics: [statistic({ homology_dim: 2 })] })).dim, 2);
  assert.equal(settled(payloadOf({ ...bare, statistics: [] })).dim, null);
});

test("in another run, layers and charts that it lacks give way; at another step of the same run they stay", () => {
  const state = settled(payloadOf(), { ...initialState(), pair: ["gone", "net.head"], layer: "gone", charts: ["x", "y"] });
  assert.deepEqual([state.pair, state.layer], [["net.stem", "net.head"], "net.head"]);
  assert.deepEqual(state.charts, [quantityId("statistic", "bars"), quantityId("statistic", "rank")]);
  const chosen = { ...state, pair: ["gone", "net.head"], layer: "gone", charts: ["x", "y"] };
  const patch = settle(chosen, payloadOf(), false);
  assert.deepEqual([patch.pair, patch.layer, patch.charts], [undefined, undefined, undefined]);
});

test("charts find something to show even where there are no statistics", () => {
  const { charts } = settled(payloadOf({ statistics: [] }));
  assert.deepEqual(charts, [quantityId("drift_from_first"), quantityId("drift")]);
});

test("a record without layers chooses none", () => {
  const empty = { layers: [], n_points: [], diagrams: [], distances: [], statistics: [], scales: [] };
  const { pair, layer } = settled(payloadOf(empty));
  assert.deepEqual([pair, layer], [null, null]);
});

test("what a run knew at a step is its last entry that is not later", () => {
  const listings = new Map([
    ["a", { steps: [{ step: 10 }, { step: 20 }] }],
    ["b", { steps: [{ step: 15 }, { step: 20 }] }],
  ]);
  const state = { ...initialState(), listings, run: "a", other: { run: "b", step: null } };
  assert.deepEqual(unionOfSteps(state), [10, 15, 20]);
  assert.deepEqual([entryAt(state, "b", 10), entryAt(state, "b", 19).step], [null, 15]);
});

test("a limit is over all steps read, or over the shown one", async () => {
  const records = [1, 4, 2].map((size, step) => record({
    step,
    distances: [distance({ homology_dim: 1, matrix: [[0, size, 0], [size, 0, 0], [0, 0, 0]], noise: null })],
  }));
  const library = createLibrary({ snapshot: async (key) => records[key] });
  for (const step of [0, 1, 2]) await library.load("run", { key: step, wall_time: 0, step });
  const shown = { run: "run", step: 2, payload: checkPayload(records[2]) };
  const state = { ...settled(shown.payload), view: { first: shown, second: null } };
  const limitIn = (one) => findTable(one.distances, "sliced_wasserstein", 1)?.limit;
  assert.equal(limitOf(state, library, limitIn), 4);
  assert.equal(limitOf({ ...state, range: "step" }, library, limitIn), 2);
  assert.equal(limitOf(state, library, (one) => findTable(one.distances, "gone", 1)?.limit), 0);
});
