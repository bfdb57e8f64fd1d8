/** What a distance is worth beside the noise of its two layers. Null is a number that is not known. */
import { readableNumber } from "./numbers.js";

/** The noise floor of a pair: the larger noise of the two, as far as it is known. */
export function largestNoise(first, second) {
  const known = [first, second].filter((noise) => noise !== null && noise !== undefined);
  return known.length === 0 ? null : Math.max(...known);
}

/** Whether a distance says nothing: it does not exceed its noise floor. */
export function isWithinNoise(distance, floor) {
  return distance !== null && floor !== null && distance <= floor;
}

export function verdictOf(distance, floor) {
  if (distance === null) return "not measured";
  if (floor === null) return "noise unknown";
  if (isWithinNoise(distance, floor)) return "within noise";
  return floor === 0 ? "above noise" : `${readableNumber(distance / floor)} × noise`;
}

/** What is said of a noise floor. */
export function floorText(floor) {
  return floor === null ? "noise unknown" : `noise floor ${readableNumber(floor)}`;
}
