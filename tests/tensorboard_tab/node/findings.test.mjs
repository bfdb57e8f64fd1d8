import assert from "node:assert/strict";
import test from "node:test";

import { followFinding, leadOf, openFinding } from "../../../topocallback/tensorboard_tab/static/evidence.js";
import { rowsOfLayers, splitNumbers } from "../../../topocallback/tensorboard_tab/static/finding_detail.js";
import { levelText, summaryOf } from "../../../topocallback/tensorboard_tab/static/findings.js";
import { checkPayload } from "../../../topocallback/tensorboard_tab/static/payload.js";
import { quantityId } from "../../../topocallback/tensorboard_tab/static/quantities.js";
import { initialState, settle } from "../../../topocallback/tensorboard_tab/static/selection.js";
import { countText } from "../../../topocallback/tensorboard_tab/static/suspects.js";
import { record } from "./records.mjs";

const CURVE = { kind: "curve", measure: "sliced_wasserstein", homology_dim: 0, quantity: "drift", layers: ["net.stem"] };
const HEATMAP = { kind: "heatmap", measure: "cka", homology_dim: null, layers: ["net.stem", "net.block"] };

function finding(changes = {}) {
  return {
    kind: "settled",
    question: "Which layers have settled?",
    layers: ["net.stem"],
    statement: "net.stem has settled.",
    level: 0.05,
    is_alert: false,
    evidence: { rule: "Said where it is still.", numbers: { steps: 3 }, view: null },
    ...changes,
  };
}

const withView = (view) => finding({ evidence: { rule: "", numbers: {}, view } });
const payloadOf = (findings, changes = {}) => checkPayload(record({ findings, ...changes }));
const viewOf = (view) => payloadOf([withView(view)]).findings[0].evidence.view;
const leadFrom = (view, payload, state = initialState()) => leadOf(view, payload, { ...state, ...settle(state, payload, true) });

/** A state that shows a payload with its first finding open. */
function opened(payload, changes = {}) {
  const state = { ...initialState(), view: { first: { run: "a", step: 7, payload }, second: null } };
  return { ...state, finding: { side: "first", run: "a", key: payload.findings[0].key }, ...changes };
}

test("a record without findings is told from one that has nothing to say", () => {
  for (const nothing of [undefined, null]) assert.equal(payloadOf(nothing).findings, null);
  assert.deepEqual(payloadOf([]).findings, []);
  assert.equal(payloadOf([]).damage, "");
});

test("a finding stays what it is; alerts come first, and what is equal keeps its order", () => {
  const [plain, other, alert] = [finding(), finding({ kind: "moves" }), finding({ kind: "nan", is_alert: true })];
  const { findings, damage } = payloadOf([plain, other, alert]);
  assert.deepEqual(findings.map(({ key, ...rest }) => rest), [alert, plain, other]);
  assert.equal(damage, "");
});

test("a finding that cannot be read costs itself, and that is said", () => {
  const { findings, damage } = payloadOf([null, 3, finding({ statement: 5 }), finding()]);
  assert.equal(findings.length, 1);
  assert.match(damage, /damaged there: 3 of 4 findings\.$/);
  const foreign = payloadOf({ settled: 1 });
  assert.equal(foreign.findings, null);
  assert.match(foreign.damage, /all findings\.$/);
});

test("whatever else of a finding is damaged leaves its sentence", () => {
  const [read] = payloadOf([{ statement: "So.", level: "high", layers: [1], is_alert: "yes", evidence: { numbers: [1], view: 3 } }]).findings;
  assert.deepEqual([read.statement, read.level, read.layers, read.is_alert], ["So.", null, [], false]);
  assert.deepEqual(read.evidence, { rule: "", numbers: {}, view: null });
  const numbers = { good: 1, none: null, text: "so", list: [{ layer: "a", value: 2 }], object: {}, damaged: [{ value: 2 }] };
  const [partly] = payloadOf([finding({ evidence: { numbers } })]).findings;
  assert.deepEqual(Object.keys(partly.evidence.numbers), ["good", "none", "text", "list"]);
});

test("views that can be read stay, all others lead nowhere", () => {
  const samples = [{ id: 812, label: "7", neighbours: [3, 99], note: "9 of 10 neighbours are 1" }];
  const views = [CURVE, HEATMAP, { kind: "graph", layer: "net.head" }, { kind: "samples", layer: "net.head", samples, n_samples: 26 }];
  for (const view of views) assert.deepEqual(viewOf(view), view);
  const damaged = [
    { ...CURVE, quantity: "speed" }, { ...CURVE, layers: "net.stem" }, { ...CURVE, measure: 1 }, { ...CURVE, homology_dim: "1" },
    { ...HEATMAP, layers: ["net.stem"] }, { kind: "graph" }, { kind: "samples", layer: "net.head" }, { kind: "toString" },
    { kind: "samples", layer: "net.head", samples: [{ label: "7" }] },
  ];
  for (const view of damaged) assert.equal(viewOf(view), null);
  const [bare] = viewOf({ kind: "samples", layer: "net.head", samples: [{ id: 3 }] }).samples;
  assert.deepEqual(bare, { id: 3, label: null, neighbours: [], note: "" });
});

test("a kind that only one finding has keeps its key when its layers change", () => {
  const keysOf = (findings) => payloadOf(findings).findings.map(({ key }) => key);
  assert.deepEqual(keysOf([finding()]), keysOf([finding({ layers: ["net.stem", "net.block"] })]));
  const three = keysOf([finding(), finding(), finding({ layers: ["net.block"] })]);
  assert.equal(new Set(three).size, 3);
});

test("a curve leads to its quantity in the first plot, unless one shows it already", () => {
  const payload = payloadOf([]);
  const { evidence, patch, problem } = leadFrom(CURVE, payload);
  assert.deepEqual([evidence, problem], [{ panel: "series", layers: ["net.stem"] }, null]);
  assert.deepEqual([patch.measure, patch.dim, patch.layer], ["sliced_wasserstein", 0, "net.stem"]);
  assert.deepEqual(patch.charts, [quantityId("drift"), quantityId("statistic", "bars")]);
  const reference = leadFrom({ ...CURVE, quantity: "drift_from_reference" }, payload);
  assert.deepEqual(reference.patch.charts, [quantityId("drift_from_first"), quantityId("statistic", "bars")]);
});

test("a statistic's curve leaves the measure of distances alone", () => {
  const { patch } = leadFrom({ ...CURVE, measure: "rank", homology_dim: null, quantity: "value" }, payloadOf([]));
  assert.deepEqual(patch.charts[0], quantityId("statistic", "rank"));
  assert.deepEqual(["measure" in patch, "dim" in patch], [false, false]);
});

test("a pair leads to its cell of its table", () => {
  const { evidence, patch } = leadFrom(HEATMAP, payloadOf([]));
  assert.equal(evidence.panel, "heatmap");
  assert.deepEqual(patch, { measure: "cka", pair: ["net.stem", "net.block"], layer: "net.block", node: null });
});

test("a graph leads to its layer", () => {
  const payload = payloadOf([], { mappers: [null, null, { sizes: [] }] });
  assert.deepEqual(leadFrom({ kind: "graph", layer: "net.head" }, payload).patch, { layer: "net.head", node: null });
});

test("what is not at this step is said and changes nothing", () => {
  const payload = payloadOf([]);
  for (const [view, words] of [
    [{ ...CURVE, layers: ["gone"] }, /^gone was not measured/],
    [{ ...HEATMAP, layers: ["net.stem", "gone"] }, /^gone was not measured/],
    [{ ...CURVE, measure: "gone" }, /does not have the numbers/],
    [{ ...HEATMAP, homology_dim: 1 }, /does not have the numbers/],
    [{ kind: "graph", layer: "gone" }, /^gone was not measured/],
    [{ kind: "graph", layer: "net.stem" }, /^No Mapper graph was made of net.stem/],
  ]) {
    const { evidence, patch, problem } = leadFrom(view, payload);
    assert.deepEqual([evidence, patch], [null, {}]);
    assert.match(problem, words);
  }
  for (const view of [null, { kind: "samples", layer: "gone", samples: [], n_samples: 0 }]) assert.equal(leadFrom(view, payload), null);
});

test("an open finding follows its question from step to step and closes where it is gone", () => {
  const here = payloadOf([withView(CURVE)]);
  const state = opened(here, { evidence: { panel: "series", layers: ["net.stem"] } });
  assert.equal(openFinding(state).finding, here.findings[0]);
  assert.deepEqual(followFinding(state), {});
  const next = payloadOf([withView({ ...CURVE, layers: ["net.stem", "net.block"] })]);
  assert.deepEqual(followFinding({ ...state, view: opened(next).view }), { evidence: { panel: "series", layers: ["net.stem", "net.block"] } });
  const closed = { finding: null, evidence: null };
  for (const payload of [payloadOf([]), payloadOf(undefined), payloadOf([finding({ kind: "moves" })]), null]) {
    assert.deepEqual(followFinding({ ...state, view: { first: { run: "a", step: 8, payload }, second: null } }), closed);
  }
  assert.deepEqual(followFinding({ ...state, view: { first: { run: "b", step: 7, payload: here }, second: null } }), closed);
  assert.deepEqual(followFinding({ ...state, finding: { ...state.finding, side: "second" } }), closed);
});

test("how sure a finding is, how many there are, and how many samples a list was cut to", () => {
  assert.deepEqual([0.05, 0.0012, 0, null].map(levelText), [
    "by chance in at most 5 % of cases", "by chance in at most 0.12 % of cases", "counted", "how sure is not known",
  ]);
  const alert = finding({ is_alert: true });
  assert.equal(summaryOf([finding()], 1200), "1 finding at step 1,200");
  assert.equal(summaryOf([alert, finding()], 7), "2 findings at step 7, 1 of them an alert");
  assert.equal(summaryOf([alert, alert], 7), "2 findings at step 7, 2 of them alerts");
  assert.deepEqual([countText(20, 1304), countText(1, 1), countText(3, 3)], ["20 of 1,304 samples", "1 sample", "3 samples"]);
});

test("numbers of the same layers stand beside each other, a few at a time", () => {
  const list = (...layers) => layers.map((layer, i) => ({ layer, value: i }));
  const { facts, columns } = splitNumbers({ p: 0.2, a: list("x"), b: list("y", "x"), since: "step 7", c: [], d: list("x") });
  assert.deepEqual(facts, [["p", 0.2], ["since", "step 7"]]);
  assert.deepEqual(columns.map((lists) => lists.map(([name]) => name)), [["a", "b", "c"], ["d"]]);
  assert.deepEqual(rowsOfLayers(columns[0]), [{ layer: "x", values: [0, 1, null] }, { layer: "y", values: [null, 0, null] }]);
});
