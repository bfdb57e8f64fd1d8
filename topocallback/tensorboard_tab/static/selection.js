/** Questions about the state that several panels ask: which step, which layers, which measure. */
import { measuresOf } from "./payload.js";

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
    charts: ["drift_from_first", "total_persistence"],
    nodeColour: "class",
    node: null,
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

/** The measure's key in a record, like "sliced_wasserstein_H1". */
export function measureKey(state) {
  return `${state.measure}_H${state.dim}`;
}

/**
 * Choices that no longer exist give way to ones that do; all others stay as they were. A layer that is missing at one
 * step of a run may be back at the next one: it stays chosen. In another run it gives way.
 * @param {boolean} otherRun Whether the record is of another run than the one shown before.
 * @returns {Object} A patch of the state.
 */
export function settle(state, payload, otherRun) {
  const patch = {};
  const { layers, homology_dims: dims } = payload;
  const measures = measuresOf(payload);
  if (!measures.includes(state.measure)) patch.measure = measures[0] ?? null;
  if (!dims.includes(state.dim)) patch.dim = dims.includes(1) ? 1 : (dims[0] ?? null);
  if (layers.length === 0) return patch;
  const isGone = (name) => otherRun && !layers.includes(name);
  if (state.pair === null || state.pair.some(isGone)) patch.pair = [layers[0], layers.at(-1)];
  if (state.layer === null || isGone(state.layer)) patch.layer = layers.at(-1);
  return patch;
}

/**
 * How far a colour or an axis reaches: over all steps read so far, or over the shown ones.
 * @param {string} key "sliced_wasserstein_H1" or "bars_H1".
 */
export function limitOf(state, library, key) {
  const sides = shownSides(state);
  const shown = sides.map((side) => state.view[side]).filter((record) => record?.payload);
  const digests = shown.flatMap(({ run, payload }) => {
    const known = library.digests(run);
    return state.range === "fixed" ? known : known.filter((one) => one.step === payload.step);
  });
  return Math.max(0, ...digests.map((one) => one.limits[key] ?? 0));
}
