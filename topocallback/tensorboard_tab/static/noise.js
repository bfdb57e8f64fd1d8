/** What a distance is worth beside the noise of its two layers. Null is a number that is not known. */
import { readableNumber } from "./numbers.js";

/** The noise floor of a pair: the larger noise of the two, as far as it is known. */
export function largestNoise(first, second) {
  const known = [first, second].filter((noise) => noise !== null && noise !== undefined);
  return known.length === 0 ? null : Math.max(...known);
}

export function verdictOf(distance, floor) {
  if (distance === null) return "not measured";
  if (floor === null) return "noise unknown";
  if (distance <= floor) return "within noise";
  return floor === 0 ? "above noise" : `${readableNumber(distance / floor)} × noise`;
}
