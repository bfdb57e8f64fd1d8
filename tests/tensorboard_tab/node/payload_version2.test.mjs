import assert from "node:assert/strict";
import test from "node:test";

import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { distance, record, statistic } from "./records.mjs";

/** A record as version 2 wrote it: nothing of p-values, sizes and errors. */
function ofVersion2(changes = {}) {
  const newer = ["p_values", "times_noise", "relative", "errors", "drift_p", "drift_from_first_p"];
  const without = (table) => Object.fromEntries(Object.entries(table).filter(([name]) => !newer.includes(name)));
  const tables = { distances: [distance({ homology_dim: 1 })].map(without), statistics: [statistic({})].map(without) };
  return record({ version: 2, ...tables, ...changes });
}

test("a record of version 2 keeps its distances, drift and statistics", () => {
  const raw = ofVersion2();
  const payload = checkPayload(structuredClone(raw));
  assert.deepEqual([payload.version, payload.damage], [3, ""]);
  for (const name of ["matrix", "drift", "drift_from_first", "label", "unit"]) {
    assert.deepEqual(payload.distances[0][name], raw.distances[0][name]);
  }
  assert.deepEqual(payload.statistics[0].values, [1, 2, 3]);
});

test("its noise is dropped, nothing is tested, and that is said", () => {
  const payload = checkPayload(ofVersion2());
  const [table] = payload.distances;
  assert.deepEqual(table.noise, [null, null, null]);
  for (const name of ["p_values", "times_noise", "relative", "errors"]) {
    assert.deepEqual(table[name], new Array(3).fill([null, null, null]));
  }
  for (const name of ["drift_p", "drift_from_first_p"]) assert.deepEqual(table[name], [null, null, null]);
  assert.match(payload.remark, /^Recorded before noise was calibrated/);
});

test("a record of the newest version has nothing to remark", () => {
  assert.equal(checkPayload(record()).remark, "");
});

test("damage of a record of version 2 is found as in any other", () => {
  const payload = checkPayload(ofVersion2({ distances: [null, distance({ matrix: null, label: "Cut" })] }));
  assert.match(payload.damage, /a distance without a name; Cut\.$/);
  assert.match(checkPayload(ofVersion2({ distances: "none" })).damage, /all distances\.$/);
});
