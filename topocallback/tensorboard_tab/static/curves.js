/**
 * Curves over the steps, one for each run and layer: their points, and how they are drawn.
 *
 * @typedef {Object} Point Null is not known.
 * @property {number} step
 * @property {?number} value
 * @property {?number} p How often a number comes out so large where nothing has changed.
 * @property {?number} error Its standard error.
 *
 * @typedef {{run: string, layer: string, dashes: ?string, style: Object, points: Point[]}} Curve
 */
import { linePath } from "./axes.js";
import { shape } from "./dom.js";
import { isNotToldApart, isToldApart } from "./noise.js";

const MARK_RADIUS = { roomy: 2.8, dense: 1.7 };
/** Below so many pixels between two steps, the marks of 20 layers run into each other. */
const ROOMY = 8;
/** In pixels, of an average letter of a chart's text. */
const LETTER_WIDTH = 5.8;

/** One curve per run and layer; the second run's are dotted. @returns {Curve[]} */
export function curvesOf({ runs, digests, layers, styles }, { valuesOf, pOf, errorsOf }) {
  return runs.flatMap((run, second) => {
    const read = digests[second].map((one) => ({ ...one, lists: [valuesOf(one), pOf(one), errorsOf(one)] }));
    return layers.map((layer) => ({
      run,
      layer,
      dashes: second ? "1 4" : null,
      style: styles.get(layer),
      points: read.map(({ step, layers: own, lists }) => pointAt(step, lists, own.indexOf(layer))),
    }));
  });
}

function pointAt(step, lists, at) {
  const [value, p, error] = lists.map((list) => list?.[at] ?? null);
  return { step, value, p, error };
}

/** The own noise of a layer in the first of the shown runs, as a dashed curve; none where it is not known. @returns {Curve[]} */
export function noiseCurves(lines, { noiseOf }, layer) {
  if (!lines.styles.has(layer)) return [];
  const style = { ...lines.styles.get(layer), width: 1.2, opacity: 0.9 };
  const nothing = () => null;
  return curvesOf(lines, { valuesOf: noiseOf, pOf: nothing, errorsOf: nothing })
    .filter((curve) => curve.layer === layer && curve.run === lines.runs[0] && isKnown(curve))
    .map((curve) => ({ ...curve, style, dashes: "5 4" }));
}

/** Whether there is any number to draw. */
export function isKnown({ points }) {
  return points.some(({ value }) => value !== null);
}

/** All that an axis has to span: the numbers, and their errors where a band shows them. */
export function valuesIn(curves) {
  const known = curves.flatMap((curve) => curve.points.filter(({ value }) => value !== null).map((point) => [curve, point]));
  return known.flatMap(([{ style }, { value, error }]) => {
    return style.isChosen && error !== null ? [value - error, value + error] : [value];
  });
}

/** What a picture says of its curves, in a few parts: nothing of what it does not hold. @returns {string[]} */
export function keyOf(curves, noise, nameOf, spacing) {
  const marked = curves.filter((curve) => markRadius(spacing, curve) > 0);
  const has = (test) => marked.some(({ points }) => points.some(({ value, ...point }) => value !== null && test(point)));
  return [
    has(({ p }) => isToldApart(p)) && "filled: beyond noise (p ≤ 0.05)",
    has(({ p }) => isNotToldApart(p)) && "hollow: not told apart",
    has(({ p }) => p !== null) && marked.length < curves.length && "marked: the chosen layers alone",
    curves.some(({ style, points }) => style.isChosen && points.some(({ error }) => error !== null)) && "band: ± standard error",
    noise.length > 0 && `dashed: own noise of ${nameOf(noise[0].layer)}`,
  ].filter(Boolean);
}

/** Parts of a text in lines that are at most so many pixels wide. */
export function linesOfParts(parts, width) {
  const lines = [];
  for (const part of parts) {
    const longer = lines.length > 0 ? `${lines.at(-1)} · ${part}` : null;
    if (longer !== null && longer.length * LETTER_WIDTH <= width) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

/** How large a curve's marks are where two steps are so many pixels apart; 0 where there is no room for them. */
export function markRadius(spacing, { style }) {
  if (spacing >= ROOMY) return MARK_RADIUS.roomy;
  return style.isChosen ? MARK_RADIUS.dense : 0;
}

/**
 * A curve with its band of errors and its marks.
 * @param {Curve} curve
 * @param {{x: Function, y: Function, spacing: number}} scales `spacing`: the pixels between two steps.
 * @returns {SVGElement}
 */
export function drawnCurve(curve, { x, y, spacing }) {
  const { points, style, dashes } = curve;
  const radius = markRadius(spacing, curve);
  const places = points.map(({ step, value }) => [x(step), value === null ? null : y(value)]);
  const known = places.filter(([, py]) => py !== null);
  const lone = known.length === 1;
  const line = shape("path", {
    class: "line",
    d: lone ? known.map(([px, py]) => `M${px} ${py}h0`).join("") : linePath(places),
    stroke: style.colour,
    "stroke-width": lone ? 5 : style.width,
    "stroke-opacity": style.opacity,
    "stroke-dasharray": lone ? null : dashes,
  });
  const band = style.isChosen ? shape("path", { class: "band", d: bandPath(points, x, y), fill: style.colour }) : null;
  const marksOf = (test, className, fill) => {
    const marked = places.filter(([, py], i) => py !== null && test(points[i].p));
    const look = { class: `mark ${className}`, fill, stroke: style.colour, opacity: style.opacity };
    return radius > 0 && marked.length > 0 ? shape("path", { ...look, d: circlesPath(marked, radius) }) : null;
  };
  return shape(
    "g",
    {},
    band,
    line,
    marksOf(isNotToldApart, "mark-hollow", "var(--card)"),
    marksOf(isToldApart, "mark-filled", style.colour),
  );
}

/** Outlines around value ± error; a gap stays a gap. */
export function bandPath(points, x, y) {
  const runs = [[]];
  for (const point of points) {
    if (point.value === null || point.error === null) runs.push([]);
    else runs.at(-1).push(point);
  }
  const edge = (run, side) => run.map(({ step, value, error }) => `${x(step).toFixed(1)} ${y(value + side * error).toFixed(1)}`);
  return runs
    .filter((run) => run.length > 1)
    .map((run) => `M${[...edge(run, 1), ...edge(run, -1).reverse()].join("L")}Z`)
    .join("");
}

function circlesPath(places, radius) {
  const half = (turn) => `a${radius} ${radius} 0 1 0 ${turn * 2 * radius} 0`;
  return places.map(([px, py]) => `M${(px - radius).toFixed(1)} ${py.toFixed(1)}${half(1)}${half(-1)}`).join("");
}
