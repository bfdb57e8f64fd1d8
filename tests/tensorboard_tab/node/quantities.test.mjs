import assert from "node:assert/strict";
import test from "node:test";

import { digest } from "../../../topocallback/tensorboard_tab/static/digest.js";
import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import {
  availableQuantities, quantitiesOf, quantityId,
} from "../../../topocallback/tensorboard_tab/static/quantities.js";
import { distance, record, statistic } from "./records.mjs";

const digestOf = (changes) => digest(checkPayload(record(changes)));
const CHOSEN = { measure: "sliced_wasserstein", dim: 1 };

function find(digests, chosen, id) {
  return quantitiesOf(digests, chosen).find((one) => one.id === id);
}

test("every quantity has a name with its unit, and says what else it depends on", () => {
  const listed = quantitiesOf([digestOf()], CHOSEN).map(({ name, detail }) => [name, detail]);
  assert.deepEqual(listed, [
    ["Drift since the previous step (0.9 quantiles)", "Sliced Wasserstein distance, H1"],
    ["Drift from the reference (0.9 quantiles)", "Sliced Wasserstein distance, H1"],
    ["The layer’s own noise (0.9 quantiles)", "Sliced Wasserstein distance, H1"],
    ["Number of bars", "H1 · larger: more features"],
    ["Effective rank (directions)", "larger: less collapsed"],
    ["Scale of the activations (activations' units)", ""],
  ]);
});

test("drift and noise are those of the chosen distance", () => {
  const one = digestOf();
  const noise = find([one], CHOSEN, quantityId("noise"));
  assert.deepEqual(noise.valuesOf(one), [0.5, 9, null]);
  assert.deepEqual([noise.noiseOf(one), noise.pOf(one)], [null, null]);
  const drift = find([one], CHOSEN, quantityId("drift"));
  assert.deepEqual([drift.valuesOf(one), drift.noiseOf(one)], [[0.01, 0.02, 0.03], [0.5, 9, null]]);
  assert.deepEqual([drift.pOf(one), drift.errorsOf(one)], [[0.5, 0.01, null], [null, null, null]]);
  assert.deepEqual(find([one], CHOSEN, quantityId("drift_from_first")).pOf(one), [0.001, 0.002, 0.003]);
  assert.equal(drift.title, "Drift since the previous step (0.9 quantiles), Sliced Wasserstein distance, H1");
});

test("a paired distance has the standard errors of its drift", () => {
  const paired = distance({ paired: true, drift_errors: [0.1, 0.2, null], drift_from_first_errors: [0.3, 0.4, null] });
  const one = digestOf({ distances: [paired] });
  const chosen = { measure: paired.measure, dim: null };
  assert.deepEqual(find([one], chosen, quantityId("drift")).errorsOf(one), [0.1, 0.2, null]);
  assert.deepEqual(find([one], chosen, quantityId("drift_from_first")).errorsOf(one), [0.3, 0.4, null]);
});

test("what drift is measured from is said as soon as a step says it", () => {
  const steps = [digestOf({ reference: "" }), digestOf({ reference: "the untrained network" })];
  const detail = (digests) => find(digests, CHOSEN, quantityId("drift_from_first")).detail;
  assert.equal(detail(steps), "Sliced Wasserstein distance, H1 · from the untrained network");
  assert.equal(detail(steps.slice(0, 1)), "Sliced Wasserstein distance, H1");
});

test("a distance without dimensions has its own drift and noise", () => {
  const one = digestOf();
  const noise = find([one], { measure: "cka", dim: 1 }, quantityId("noise"));
  assert.deepEqual([noise.name, noise.detail], ["The layer’s own noise", "1 − linear CKA (0: same, 1: unrelated)"]);
  assert.deepEqual(noise.valuesOf(one), [null, null, null]);
});

test("a statistic follows the chosen dimension, unless it has none", () => {
  const one = digestOf();
  const valuesAt = (dim, measure) => find([one], { ...CHOSEN, dim }, quantityId("statistic", measure)).valuesOf(one);
  assert.deepEqual([valuesAt(0, "bars"), valuesAt(1, "bars"), valuesAt(2, "bars")], [[1, 2, 3], [5, 6, 7], null]);
  assert.deepEqual([valuesAt(0, "rank"), valuesAt(1, "rank")], [[1, 2, 3], [1, 2, 3]]);
});

test("a statistic has its standard errors, and is compared with no noise", () => {
  const one = digestOf({ statistics: [statistic({ errors: [0.1, null, 0.3] })] });
  const bars = find([one], CHOSEN, quantityId("statistic", "bars"));
  assert.deepEqual([bars.errorsOf(one), bars.noiseOf(one), bars.pOf(one)], [[0.1, null, 0.3], null, null]);
});

test("a statistic that a step lacks is still listed", () => {
  const [without, complete] = [digestOf({ statistics: [] }), digestOf()];
  const bars = find([without, complete], CHOSEN, quantityId("statistic", "bars"));
  assert.equal(bars.valuesOf(without), null);
  assert.deepEqual(bars.valuesOf(complete), [5, 6, 7]);
});

test("without any distance there is no drift, and nothing fails", () => {
  const one = digestOf({ distances: [] });
  const drift = find([one], { measure: null, dim: 1 }, quantityId("drift"));
  assert.deepEqual([drift.name, drift.detail, drift.valuesOf(one)], ["Drift since the previous step", "", null]);
});

test("before any step was read, there are the quantities that every run has", () => {
  assert.equal(quantitiesOf([], { measure: null, dim: null }).length, 4);
});

test("a statistic's name is not mistaken for a quantity that every run has", () => {
  const named = ["drift", "scale"].map((measure) => statistic({ measure, label: `My ${measure}` }));
  const ids = quantitiesOf([digestOf({ statistics: named })], CHOSEN).map(({ id }) => id);
  assert.equal(new Set(ids).size, 6);
});

test("what a record can show is what its digest lists", () => {
  const payload = checkPayload(record());
  const listed = quantitiesOf([digest(payload)], CHOSEN).map(({ id }) => id);
  assert.deepEqual(availableQuantities(payload).sort(), listed.sort());
});
