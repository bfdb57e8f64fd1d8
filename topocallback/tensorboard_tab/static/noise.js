/**
 * What a distance is worth: how large it is beside noise, and whether a test tells its two sides apart. The test alone
 * decides: two samples of one layer lie about 1 × noise apart, but up to twice as far in one case of twenty. Null is a
 * number that is not known.
 */
import { plusMinus, readableNumber, twoDigits } from "./numbers.js";

/** The share of pairs without any difference that are told apart all the same; `LEVEL` of `records/results.py`. */
export const LEVEL = 0.05;

const SMALLEST_SAID = 0.001;

/** Whether a test was made and finds a difference. */
export function isToldApart(p) {
  return p !== null && p <= LEVEL;
}

/** Whether a test was made and finds no difference. */
export function isNotToldApart(p) {
  return p !== null && p > LEVEL;
}

/** "p = 0.012"; null where nothing was tested. Beside the level, a third digit says on which side of it a number is. */
export function pText(p) {
  if (p === null) return null;
  if (p < SMALLEST_SAID) return `p < ${SMALLEST_SAID}`;
  return `p = ${twoDigits(p) === String(LEVEL) ? readableNumber(p) : twoDigits(p)}`;
}

/** What a test says of a layer's distance from itself at an earlier step. */
export function driftVerdict(p) {
  return `${pText(p)} · ${isToldApart(p) ? "beyond noise" : "not told apart"}`;
}

/** What a layer's place on the diagonal shows. */
export function noiseText(noise) {
  return noise === null ? "the layer’s own noise is not known" : `the layer’s own noise ${readableNumber(noise)}`;
}

/**
 * What there is to say of the distance between two different layers.
 * @param {?import("./payload.js").DistanceTable} table
 * @param {number} i The first layer's place.
 * @param {number} j
 * @returns {{distance: string, size: ?string, p: ?string, relative: ?string, verdict: ?string, isClear: boolean}} Null
 *   is not known. A paired distance with its standard error has no verdict.
 */
export function pairFacts(table, i, j) {
  const names = ["matrix", "p_values", "errors", "times_noise", "relative"];
  const [distance, p, error, times, relative] = names.map((name) => table?.[name][i][j] ?? null);
  const isPaired = table?.paired === true;
  const hasError = isPaired && error !== null;
  return {
    distance: `distance ${plusMinus(distance, hasError ? error : null)}`,
    size: times === null || isPaired ? null : `${twoDigits(times)} × noise`,
    p: pText(p),
    relative: relative === null ? null : `relative ${twoDigits(relative)}`,
    verdict: verdictOf(distance, p, hasError),
    isClear: isToldApart(p),
  };
}

function verdictOf(distance, p, hasError) {
  if (distance === null) return "not measured";
  if (p === null) return hasError ? null : "not tested";
  return isToldApart(p) ? "told apart" : "not told apart";
}
