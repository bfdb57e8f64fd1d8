/** Questions about the state that several panels ask: which step, which layers, which measure. */
import { availableQuantities, quantityId } from "./quantities.js";
import { dimensionsOf, measuresOf } from "./tables.js";

/** The state before anything is known. */
export function initialState() {
  return {
    runs: [],
    listings: new Map(),
    run: null,
    step: null,
    other: null,
    playing: false,
    loading: false,
    notice: null,
    started: false,
    view: { first: null, second: null },
    digests: 0,
    measure: null,
    dim: null,
    range: "fixed",
    pair: null,
    layer: null,
    hover: null,
    plot: "diagram",
    charts: [quantityId("drift_from_first"), quantityId("statistic", "total_persistence")],
    nodeColour: "class",
    node: null,
    bar: null,
    finding: null,
    evidence: null,
    dark: false,
  };
}

/** The entries of a run, in the order of their steps. */
export function entriesOf(state, run) {
  return state.listings.get(run)?.steps ?? [];
}

/** The steps of the slider: those of the shown run and of the one beside it. */
export function unionOfSteps(state) {
  const runs = state.other ? [state.run, state.other.run] : [state.run];
  const steps = new Set(runs.flatMap((run) => entriesOf(state, run).map((entry) => entry.step)));
  return [...steps].sort((a, b) => a - b);
}

/** What a run knew at a step: its last entry that is not later. */
export function entryAt(state, run, step) {
  return entriesOf(state, run).findLast((entry) => entry.step <= step) ?? null;
}

/** The shown sides, one or two. */
export function shownSides(state) {
  return state.other ? ["first", "second"] : ["first"];
}

/**
 * Choices that no longer exist give way to ones that do; all others stay as they were. A layer that is missing at one
 * step of a run may be back at the next one: it stays chosen. In another run it gives way.
 * @param {boolean} otherRun Whether the record is of another run than the one shown before.
 * @returns {Object} A patch of the state.
 */
export function settle(state, payload, otherRun) {
  const { layers } = payload;
  const patch = { ...settledMeasure(state, payload) };
  if (otherRun) patch.charts = settledCharts(state.charts, payload);
  if (layers.length === 0) return patch;
  const isGone = (name) => otherRun && !layers.includes(name);
  if (state.pair === null || state.pair.some(isGone)) patch.pair = [layers[0], layers.at(-1)];
  if (state.layer === null || isGone(state.layer)) patch.layer = layers.at(-1);
  return patch;
}

/**
 * Measure and homology dimension are chosen apart: a measure without dimensions leaves the chosen one as it is, for the
 * diagrams and the statistics.
 */
function settledMeasure(state, payload) {
  const measures = measuresOf(payload.distances).map(([measure]) => measure);
  const measure = measures.includes(state.measure) ? state.measure : (measures[0] ?? null);
  const known = dimensionsIn(payload);
  if (known.includes(state.dim)) return { measure };
  const own = dimensionsOf(payload.distances, measure);
  return { measure, dim: preferred(own.length > 0 ? own : known) };
}

/** All homology dimensions of a record: those of its diagrams first. */
function dimensionsIn({ homology_dims: dims, distances, statistics }) {
  const ofTables = [...distances, ...statistics].map((table) => table.homology_dim);
  return [...dims, ...ofTables.filter((dim) => dim !== null)];
}

/** A patch for the choice of a measure: where it lacks the chosen dimension, it brings one that it has. */
export function choiceOfMeasure(state, payload, measure) {
  const own = dimensionsOf(payload.distances, measure);
  return own.length === 0 || own.includes(state.dim) ? { measure } : { measure, dim: preferred(own) };
}

/** Loops, if there are any: they tell more of a layer than its clusters do. */
function preferred(dims) {
  return dims.includes(1) ? 1 : (dims[0] ?? null);
}

/** A quantity that the run does not have gives way to a statistic that no other chart shows. */
function settledCharts(charts, payload) {
  const available = availableQuantities(payload);
  const free = available.filter((id) => !charts.includes(id));
  return charts.map((id) => (available.includes(id) ? id : (free.shift() ?? available[0])));
}

/**
 * How far a colour or an axis reaches: over all steps read so far, or over the shown ones.
 * @param {function(ReturnType<import("./digest.js").digest>): (number|undefined)} limitIn The limit at one step.
 */
export function limitOf(state, library, limitIn) {
  const sides = shownSides(state);
  const shown = sides.map((side) => state.view[side]).filter((record) => record?.payload);
  const digests = shown.flatMap(({ run, payload }) => {
    const known = library.digests(run);
    return state.range === "fixed" ? known : known.filter((one) => one.step === payload.step);
  });
  return Math.max(0, ...digests.map((one) => limitIn(one) ?? 0));
}
