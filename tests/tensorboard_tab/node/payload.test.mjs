import assert from "node:assert/strict";
import test from "node:test";

import { checkPayload, withoutPoints } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { distance, record, statistic } from "./records.mjs";

/** A record with one more distance. */
function withDistance(changes) {
  return checkPayload(record({ distances: [...record().distances, distance({ measure: "mine", label: "Mine", ...changes })] }));
}

test("a record of the newest version stays what it is", () => {
  const raw = record();
  const payload = checkPayload(structuredClone(raw));
  assert.equal(payload.damage, "");
  const tables = ["distances", "statistics"];
  for (const key of Object.keys(raw).filter((name) => !tables.includes(name))) assert.deepEqual(payload[key], raw[key]);
  const unknown = [null, null, null];
  const errors = [unknown, unknown, unknown];
  assert.deepEqual(payload.distances.slice(0, 2), raw.distances.slice(0, 2).map((table) => ({ ...table, errors })));
  assert.deepEqual(payload.statistics, raw.statistics.map((table) => ({ ...table, errors: unknown })));
});

test("all but the distances themselves may be unknown as a whole", () => {
  const lists = ["noise", "drift", "drift_from_first", "drift_p", "drift_from_first_p"];
  const matrices = ["p_values", "times_noise", "relative", "errors"];
  for (const nothing of [null, undefined]) {
    const changes = Object.fromEntries([...lists, ...matrices].map((name) => [name, nothing]));
    const { distances, damage } = withDistance(changes);
    const unknown = [null, null, null];
    for (const name of lists) assert.deepEqual(distances.at(-1)[name], unknown);
    for (const name of matrices) assert.deepEqual(distances.at(-1)[name], [unknown, unknown, unknown]);
    assert.equal(damage, "");
  }
});

test("a measure of the user's own is taken as it is", () => {
  const mine = { measure: "mine (eps=0.1)", homology_dim: null, unit: "mm", paired: true, direction: "similarity" };
  const table = withDistance(mine).distances.at(-1);
  assert.deepEqual({ ...table, errors: null }, distance({ label: "Mine", ...mine }));
});

test("a table without a label is called by its measure's name", () => {
  assert.equal(withDistance({ label: "" }).distances.at(-1).label, "mine");
});

test("a table of a kind that is not known is passed over and not called damaged", () => {
  const payload = withDistance({ kind: "flow", matrix: "something new" });
  assert.equal(payload.distances.length, 3);
  assert.equal(payload.damage, "");
});

for (const [name, changes] of Object.entries({
  "a matrix of the wrong size": { matrix: [[0, 1], [1, 0]] },
  "a matrix with a row missing": { matrix: [[0, 1, 2], null, [2, 3, 0]] },
  "a matrix that holds text": { matrix: [[0, "1", 2], [1, 0, 3], [2, 3, 0]] },
  "no matrix": { matrix: undefined },
  "noise of other layers": { noise: [1, 2] },
  "drift that is no list": { drift: 3 },
  "p-values that are no matrix": { p_values: [0.1, 0.2, 0.3] },
  "no kind": { kind: undefined, matrix: null },
})) {
  test(`a distance with ${name} costs itself, and that is said`, () => {
    const payload = withDistance({ homology_dim: 1, ...changes });
    assert.equal(payload.distances.length, 3);
    assert.equal(payload.damage, "Left out, as the record is damaged there: Mine, H1.");
  });
}

test("a table that does not say what it is costs itself, and that is said", () => {
  for (const changes of [{ measure: undefined }, { measure: 3 }, { homology_dim: "1" }]) {
    assert.match(withDistance(changes).damage, /damaged there: a distance without a name\.$/);
  }
  const payload = checkPayload(record({ statistics: [null, "bars", statistic({ homology_dim: 1 })] }));
  assert.equal(payload.statistics.length, 1);
  assert.match(payload.damage, /a statistic without a name; a statistic without a name\.$/);
});

test("whatever else is damaged is said, and the rest is shown", () => {
  const payload = checkPayload(record({ distances: {}, n_points: [4], scales: null, mappers: 3, labels: "none" }));
  assert.deepEqual(payload.distances, []);
  assert.equal(payload.statistics.length, 3);
  assert.deepEqual([payload.n_points, payload.scales], [[null, null, null], [null, null, null]]);
  assert.deepEqual([payload.mappers, payload.labels], [[], null]);
  assert.match(payload.damage, /how many points the layers had; the layers' scales; all distances\.$/);
});

test("a record without simplices leads nowhere and is not damaged", () => {
  for (const simplices of [undefined, null]) {
    const payload = checkPayload(record({ simplices }));
    assert.deepEqual([payload.simplices, payload.damage], [[null, null, null], ""]);
  }
});

for (const [name, simplices] of Object.entries({
  "no list": 3,
  "of one layer": [null],
  "of no dimension": [null, [], null],
  "of one dimension": [null, [[[], []]], null],
  "of inputs that are not there": [null, [[[], [[], [0, 4]]], [[], []]], null],
  "of numbers of inputs that are none": [null, [[[], [[], [0, -1]]], [[], []]], null],
  "of text": [null, [[[], [[], ["0", "1"]]], [[], []]], null],
  "of more bars than there are": [null, [[[], [[], [0, 1], [0, 2]]], [[], []]], null],
  "of loops that nothing makes": [null, [[[], []], [[], [[1, 3, 0]]]], null],
})) {
  test(`simplices ${name} cost themselves, and that is said`, () => {
    const payload = checkPayload(record({ simplices }));
    assert.equal(payload.simplices[1], null);
    assert.match(payload.damage, /damaged there: which inputs make and end bars\.$/);
    assert.equal(payload.diagrams.length, 3);
  });
}

test("a newer record says what to do", () => {
  assert.throws(() => checkPayload(record({ version: 4 })), /newer version.*record version 4, this page reads up to 3.*Update/);
});

for (const [name, raw] of Object.entries({
  "nothing at all": null,
  "a number": 7,
  "a version that is no number": record({ version: "3" }),
  "a version that never was": record({ version: 0 }),
  "nothing but a version": { version: 3 },
  "nothing but version 2": { version: 2 },
  "nothing but version 1": { version: 1 },
  "a layer without a name": record({ layers: ["a", null, "b"] }),
  "dimensions that are text": record({ homology_dims: ["0", "1"] }),
  "diagrams of other layers": record({ diagrams: record().diagrams.slice(1) }),
  "a diagram without deaths": record({ diagrams: [[[[0]], [[], []]], ...record().diagrams.slice(1)] }),
  "a diagram with more births than deaths": record({ diagrams: [[[[0, 0], [1]], [[], []]], ...record().diagrams.slice(1)] }),
  "no diagrams in one dimension": record({ homology_dims: [0, 1, 2] }),
})) {
  test(`a record of ${name} is refused as damaged`, () => {
    assert.throws(() => checkPayload(raw), /^Error: This step's record is damaged: /);
  });
}

test("a layer without points is told from one whose points are not known", () => {
  const payload = checkPayload(record({ n_points: [0, null, 4] }));
  assert.equal(withoutPoints(payload, "net.stem"), "net.stem had no point at this step.");
  assert.deepEqual(["net.block", "net.head", "another"].map((layer) => withoutPoints(payload, layer)), [null, null, null]);
});
