import assert from "node:assert/strict";
import test from "node:test";

import {
  bandPath, curvesOf, isKnown, keyOf, linesOfParts, markRadius, noiseCurves, valuesIn,
} from "../../../topocallback/tensorboard_tab/static/curves.js";
import { digest } from "../../../topocallback/tensorboard_tab/static/digest.js";
import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { quantitiesOf, quantityId } from "../../../topocallback/tensorboard_tab/static/quantities.js";
import { distance, record, statistic } from "./records.mjs";

const LAYERS = ["net.stem", "net.block", "net.head"];
const CHOSEN = { measure: "sliced_wasserstein", dim: 1 };

/** Lines over two steps, of which the second lacks the last layer. */
function linesOf(isChosen = false) {
  const distances = [distance({ homology_dim: 1, drift_p: [0.01, 0.4, null] })];
  const statistics = [statistic({ errors: [0.5, null, 0.25] })];
  const whole = digest(checkPayload(record({ distances, statistics })));
  const digests = [[whole, { ...whole, step: 9, layers: LAYERS.slice(0, 2) }]];
  const style = { colour: "red", width: 2, opacity: 1, isChosen };
  return { runs: ["run"], digests, layers: LAYERS, styles: new Map(LAYERS.map((layer) => [layer, style])) };
}

function quantity(lines, id) {
  return quantitiesOf(lines.digests.flat(), CHOSEN).find((one) => one.id === id);
}

test("a curve has a layer's number, p-value and error at every step, and null where the layer was not there", () => {
  const lines = linesOf();
  const drift = curvesOf(lines, quantity(lines, quantityId("drift")));
  assert.deepEqual(drift.map(({ layer }) => layer), LAYERS);
  assert.deepEqual(drift[0].points, [7, 9].map((step) => ({ step, value: 0.01, p: 0.01, error: null })));
  assert.deepEqual(drift[2].points[1], { step: 9, value: null, p: null, error: null });
  const bars = curvesOf(lines, quantity(lines, quantityId("statistic", "bars")));
  assert.deepEqual(bars[0].points[0], { step: 7, value: 1, p: null, error: 0.5 });
});

test("noise is drawn for one layer, beside a distance alone", () => {
  const lines = linesOf();
  const [noise, ...others] = noiseCurves(lines, quantity(lines, quantityId("drift")), "net.block");
  assert.deepEqual([noise.layer, noise.dashes, noise.points[0].value, others.length], ["net.block", "5 4", 0.06, 0]);
  assert.deepEqual(noiseCurves(lines, quantity(lines, quantityId("statistic", "bars")), "net.block"), []);
  assert.deepEqual(noiseCurves(lines, quantity(lines, quantityId("drift")), "another"), []);
});

test("an axis spans the numbers, and the errors of bands alone", () => {
  for (const [isChosen, low, high] of [[false, 1, 3], [true, 0.5, 3.25]]) {
    const lines = linesOf(isChosen);
    const values = valuesIn(curvesOf(lines, quantity(lines, quantityId("statistic", "bars"))));
    assert.deepEqual([Math.min(...values), Math.max(...values)], [low, high]);
  }
});

test("a picture's key says what it holds and nothing else", () => {
  const lines = linesOf(true);
  const nameOf = (layer) => layer;
  const drift = quantity(lines, quantityId("drift"));
  const noise = noiseCurves(lines, drift, "net.stem");
  const curves = curvesOf(lines, drift);
  assert.deepEqual(keyOf(curves, noise, nameOf, 50), [
    "filled: beyond noise (p ≤ 0.05)", "hollow: not told apart", "dashed: own noise of net.stem",
  ]);
  assert.deepEqual(keyOf(curves.slice(0, 1), [], nameOf, 50), ["filled: beyond noise (p ≤ 0.05)"]);
  const bars = curvesOf(lines, quantity(lines, quantityId("statistic", "bars")));
  assert.deepEqual(keyOf(bars, [], nameOf, 50), ["band: ± standard error"]);
  assert.deepEqual(keyOf(curvesOf(lines, quantity(lines, quantityId("scale"))), [], nameOf, 50), []);
});

test("a key goes on in the next line where there is no more room", () => {
  const parts = ["x".repeat(20), "y".repeat(20), "z".repeat(20)];
  assert.deepEqual(linesOfParts(parts, 1000), [parts.join(" · ")]);
  assert.deepEqual(linesOfParts(parts, 300), [`${parts[0]} · ${parts[1]}`, parts[2]]);
  assert.deepEqual([linesOfParts(parts, 10), linesOfParts([], 10)], [parts, []]);
});

test("a curve without a number is not known", () => {
  const lines = linesOf();
  const drift = curvesOf(lines, quantity(lines, quantityId("drift_from_first")));
  assert.deepEqual(drift.map(isKnown), [true, true, true]);
  assert.equal(isKnown({ points: [{ value: null }] }), false);
});

test("a band goes around its points, and a gap stays a gap", () => {
  const same = (value) => value;
  const points = [[1, 5, 1], [2, 6, 1], [3, null, 1], [4, 6, null], [5, 5, 2], [6, 5, 2], [7, null, null], [8, 1, 1]];
  const path = bandPath(points.map(([step, value, error]) => ({ step, value, error })), same, same);
  assert.equal(path, "M1.0 6.0L2.0 7.0L2.0 5.0L1.0 4.0ZM5.0 7.0L6.0 7.0L6.0 3.0L5.0 3.0Z");
});

test("where steps are close together, the chosen layers alone are marked, and that is said", () => {
  const [chosen, other] = [{ style: { isChosen: true } }, { style: { isChosen: false } }];
  assert.equal(markRadius(50, chosen), markRadius(50, other));
  assert.ok(markRadius(3, chosen) > 1);
  assert.equal(markRadius(3, other), 0);
  const lines = linesOf();
  const curves = curvesOf(lines, quantity(lines, quantityId("drift")));
  curves[0].style = { ...curves[0].style, isChosen: true };
  assert.deepEqual(keyOf(curves, [], (layer) => layer, 3), [
    "filled: beyond noise (p ≤ 0.05)", "marked: the chosen layers alone",
  ]);
});
