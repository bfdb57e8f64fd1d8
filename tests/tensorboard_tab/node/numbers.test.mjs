import assert from "node:assert/strict";
import test from "node:test";

import {
  domainOf, linearScale, plural, plusMinus, readableNumber, readableStep, roundUp, shortNumber, ticksBetween,
} from "../../../topocallback/tensorboard_tab/static/numbers.js";

test("numbers have three digits that count, and a dash where there is none", () => {
  assert.deepEqual([0, 0.123456, 12.345, -4.5, 999.4].map(readableNumber), ["0", "0.123", "12.3", "-4.5", "999"]);
  assert.deepEqual([1234.5, 12345678, 0.00012].map(readableNumber), ["1,235", "1.2e+7", "1.2e-4"]);
  assert.deepEqual([null, undefined, NaN, Infinity].map(readableNumber), ["–", "–", "–", "–"]);
});

test("numbers in cells have two digits and no zero before the point", () => {
  assert.deepEqual([0, 0.0871, 0.5, 1.75, 12.3].map(shortNumber), ["0", ".087", ".5", "1.8", "12"]);
});

test("steps are written with commas", () => {
  assert.deepEqual([12500, 0, null].map(readableStep), ["12,500", "0", "–"]);
});

test("a limit is rounded up to the next of a few round numbers, and is one where there is nothing", () => {
  assert.deepEqual([0.21, 1, 1.01, 73].map((value) => Number(roundUp(value).toPrecision(6))), [0.25, 1, 1.2, 80]);
  assert.deepEqual([0, NaN].map(roundUp), [1, 1]);
});

test("a limit that is round already stays as it is, though it was reached by arithmetic", () => {
  assert.equal(Number(roundUp(0.1 + 0.2).toPrecision(6)), 0.3);
});

test("ticks are round and lie within their ends", () => {
  assert.deepEqual(ticksBetween(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticksBetween(-12, 0, 5), [-10, -5, 0]);
  assert.deepEqual(ticksBetween(378, 378, 5), [378]);
});

test("a scale leads from numbers to pixels and back", () => {
  const scale = linearScale([10, 20], [0, 100]);
  assert.equal(scale(15), 50);
  assert.equal(scale.invert(50), 15);
  assert.ok(Number.isFinite(linearScale([3, 3], [0, 100])(3)));
});

test("an axis spans zero and all values, those below zero too", () => {
  assert.deepEqual(domainOf([2, 10]), [0, 10.5]);
  assert.deepEqual(domainOf([-10, -2]), [-10.5, 0]);
  assert.deepEqual(domainOf([-10, 10]), [-10.5, 10.5]);
  assert.deepEqual([domainOf([]), domainOf([0])], [[0, 1], [0, 1]]);
});

test("a standard error has two digits, and is not said where it is not known", () => {
  assert.deepEqual([plusMinus(0.31234, 0.02149), plusMinus(1234.5, 56.7), plusMinus(2, 0)], ["0.312 ± 0.021", "1,235 ± 57", "2 ± 0"]);
  assert.deepEqual([plusMinus(2, null), plusMinus(2, undefined), plusMinus(null, 1)], ["2", "2", "–"]);
});

test("one node, three nodes", () => {
  assert.deepEqual([1, 3, 0].map((count) => plural(count, "node")), ["1 node", "3 nodes", "0 nodes"]);
});
