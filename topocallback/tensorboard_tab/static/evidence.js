/**
 * Where the evidence of a finding is seen, and which finding is open: `state.finding` names it, and `state.evidence` says
 * which panel shows it, and of which layers.
 *
 * @typedef {{panel: string, layers: string[]}} Evidence
 */
import { quantityId } from "./quantities.js";
import { shownSides } from "./selection.js";
import { findTable } from "./tables.js";

/** The name of a panel by its id. */
export const PANELS = { series: "Over the steps", heatmap: "Layer distances", mapper: "Mapper graph" };

const DRIFTS = { drift: "drift", drift_from_reference: "drift_from_first" };
const NO_TABLE = "This step does not have the numbers that this was said from.";

const LEADS = { curve: toCurve, heatmap: toMatrix, graph: toGraph };

/**
 * Where a view leads from what is chosen now.
 * @param {?import("./payload_findings.js").View} view
 * @param {import("./payload.js").Payload} payload The finding's record.
 * @param {Object} state
 * @returns {?{evidence: ?Evidence, patch: Object, problem: ?string}} The patch of the state that makes the panel show it,
 *   or a sentence on why it cannot be shown; null where there is no panel to lead to.
 */
export function leadOf(view, payload, state) {
  return view !== null && view.kind in LEADS ? LEADS[view.kind](view, payload, state) : null;
}

/** The first plot shows the quantity, unless one does so already. */
function toCurve({ measure, homology_dim: dim, quantity, layers }, payload, { charts, layer }) {
  const isStatistic = quantity === "value";
  if (!hasTable(isStatistic ? payload.statistics : payload.distances, measure, dim)) return cannot(NO_TABLE);
  const known = layers.filter((name) => payload.layers.includes(name));
  if (layers.length > 0 && known.length === 0) return cannot(notMeasured(layers[0]));
  const id = isStatistic ? quantityId("statistic", measure) : quantityId(DRIFTS[quantity]);
  return leadTo("series", layers, {
    ...(isStatistic ? {} : { measure }),
    ...inDimension(dim),
    ...(known.length === 0 || known.includes(layer) ? {} : { layer: known[0], node: null }),
    charts: charts.includes(id) ? charts : charts.with(0, id),
  });
}

function toMatrix({ measure, homology_dim: dim, layers }, payload) {
  const missing = layers.find((name) => !payload.layers.includes(name));
  if (missing !== undefined) return cannot(notMeasured(missing));
  if (!hasTable(payload.distances, measure, dim)) return cannot(NO_TABLE);
  return leadTo("heatmap", layers, { measure, ...inDimension(dim), pair: layers, layer: layers[1], node: null });
}

function toGraph({ layer }, payload) {
  const at = payload.layers.indexOf(layer);
  if (at < 0) return cannot(notMeasured(layer));
  if (!payload.mappers[at]) return cannot(`No Mapper graph was made of ${layer} at this step.`);
  return leadTo("mapper", [layer], { layer, node: null });
}

/** A view without a dimension is of a table without one. */
function hasTable(tables, measure, dim) {
  return findTable(tables, measure, dim)?.homology_dim === dim;
}

function inDimension(dim) {
  return dim === null ? {} : { dim };
}

function leadTo(panel, layers, patch) {
  return { evidence: { panel, layers }, patch, problem: null };
}

function cannot(problem) {
  return { evidence: null, patch: {}, problem };
}

function notMeasured(layer) {
  return `${layer} was not measured at this step.`;
}

/**
 * The open finding, where it is still there.
 * @returns {?{finding: import("./payload_findings.js").Finding, record: Object}}
 */
export function openFinding(state) {
  const { finding: open, view } = state;
  if (open === null || !shownSides(state).includes(open.side)) return null;
  const record = view[open.side];
  const finding = record?.run === open.run ? record.payload?.findings?.find(({ key }) => key === open.key) : undefined;
  return finding ? { finding, record } : null;
}

/**
 * What of the state gives way once other records are shown: a finding that is not there any more closes.
 * @returns {Object} A patch of the state, empty where nothing changes.
 */
export function followFinding(state) {
  if (state.finding === null) return {};
  const open = openFinding(state);
  if (open === null) return { finding: null, evidence: null };
  const evidence = leadOf(open.finding.evidence.view, open.record.payload, state)?.evidence ?? null;
  return JSON.stringify(evidence) === JSON.stringify(state.evidence) ? {} : { evidence };
}
