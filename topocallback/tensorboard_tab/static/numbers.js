/** Numbers for people: text, round limits, ticks and linear scales. */

/** At most three digits that count, without an exponent where that stays short. */
export function readableNumber(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000 && size < 1e7) return Math.round(value).toLocaleString("en-GB");
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** Two digits that count, for what is a rough number by nature. */
export function twoDigits(value) {
  return readableNumber(Number(value.toPrecision(2)));
}

/** A number with its standard error, where that is known: "0.312 ± 0.021". */
export function plusMinus(value, error) {
  const known = value !== null && error !== null && error !== undefined;
  return known ? `${readableNumber(value)} ± ${twoDigits(error)}` : readableNumber(value);
}

/** Two digits, for cells of a matrix. */
export function shortNumber(value) {
  if (value >= 10 && value < 1e4) return value.toFixed(0);
  return value === 0 ? "0" : String(Number(value.toPrecision(2))).replace(/^0\./, ".");
}

/** A step as people write it: 12,500. */
export function readableStep(step) {
  return step === null || step === undefined ? "–" : step.toLocaleString("en-GB");
}

/** The next of 1, 1.2, 1.5, 2, ... times a power of ten, so that a limit rarely changes as records come in. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  return steps.find((step) => step * power >= value * (1 - 1e-9)) * power;
}

/** Round numbers from low to high, about as many as asked for. */
export function ticksBetween(low, high, count) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return ticks;
}

/** What an axis for some values has to span: 0, all of them, and a little room beyond. */
export function domainOf(values) {
  const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [0, 0]);
  return low === high ? [0, 1] : [low * 1.05, high * 1.05];
}

/**
 * A map from numbers to pixels, linear; `invert` leads back.
 * @param {[number, number]} domain
 * @param {[number, number]} range
 */
export function linearScale([low, high], [from, to]) {
  const span = high - low || 1;
  const scale = (value) => from + ((value - low) / span) * (to - from);
  scale.invert = (pixel) => low + ((pixel - from) / (to - from || 1)) * span;
  scale.domain = [low, high];
  return scale;
}

/** "1 node", "3 nodes". */
export function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
