/** The panel that shows why two layers differ: their diagrams, barcodes or Betti curves in one picture. */
import { sizeChart } from "./axes.js";
import { createBarDetail } from "./bar_detail.js";
import { drawBarcodes } from "./barcodes.js";
import { simplicesOf } from "./bars.js";
import { drawBettiCurves } from "./betti.js";
import { drawDiagrams } from "./diagrams.js";
import { element, segments, setAttribute, shape } from "./dom.js";
import { layerChip } from "./layer_chip.js";
import { dimensionName, featureName, titleOf, withUnit } from "./names.js";
import { noiseText, pairFacts } from "./noise.js";
import { plusMinus, roundUp } from "./numbers.js";
import { createPanel, createSides } from "./panel.js";
import { withoutPoints } from "./payload.js";
import { createPointing } from "./pointing.js";
import { limitOf } from "./selection.js";
import { findTable } from "./tables.js";

const HELP = [
  "Why the two chosen layers differ. As a radius grows from 0, inputs that are closer than it get joined. Features " +
    "(clusters in H0, loops in H1) appear at their birth and vanish at their death.",
  "Diagram: one mark per feature. Far above the diagonal: it lasts long, and hardly comes from chance. Near the diagonal: " +
    "short-lived, as any finite sample has them in numbers.",
  "Beside the distance: how many times the noise of the two layers it is, p (how often a test finds as much where there " +
    "is no difference), and which share of the largest distance there could be. “Told apart” says that p is at most 0.05.",
  "Click a mark, or go to it with the arrow keys and press Enter, to see the inputs whose distance is its birth or its " +
    "death. A loop is filled by a triangle. Several can come in with one edge: the third input is an example.",
  "Barcode: the longest features as bars from birth to death. Betti curve: how many features are alive at each radius.",
];

const PLOTS = {
  diagram: ["Diagram", "Birth and death of every feature", drawDiagrams],
  barcode: ["Barcode", "The longest features as bars", drawBarcodes],
  betti: ["Betti curve", "How many features are alive at each radius", drawBettiCurves],
};
const LONGEST_NAME_IN_TABLE = 18;

export function createPairPanel(context) {
  const { store } = context;
  const panel = createPanel(context, { id: "pair", title: "Layer pair", help: HELP, kinds: ["svg", "png"] });
  const dims = segments("Homology dimension", (choice) => store.set({ dim: Number(choice) }));
  const plot = segments("Kind of plot", (choice) => store.set({ plot: choice }));
  panel.tools.append(dims.node, plot.node);
  const sides = createSides(context, panel.body, (side) => createPairSlot(context, side));

  function update(state) {
    const payload = state.view.first?.payload ?? state.view.second?.payload;
    if (payload) dims.fill(payload.homology_dims.map((dim) => [dim, `H${dim}`, dimensionName(dim)]), state.dim);
    plot.fill(Object.entries(PLOTS).map(([key, [text, hint]]) => [key, text, hint]), state.plot);
    sides.update();
  }

  store.subscribe(["view", "measure", "dim", "range", "pair", "plot", "bar", "digests", "other"], update);
  return panel;
}

function createPairSlot(context, side) {
  const { store, library, tooltip } = context;
  const headline = element("div", { class: "pair-headline" });
  const chart = shape("svg", { class: "plot chart", role: "img" });
  const without = element("div", { class: "empty" });
  const table = element("table", { class: "numbers" });
  const detail = createBarDetail(context, side);
  const numbers = element("div", { class: "numbers-frame" }, table);
  const node = element("div", { class: "pair" }, headline, chart, without, detail.node, numbers);
  let shown = null;
  const pointing = createPointing(chart, tooltip, (bar) => {
    store.set({ bar: bar && { side, run: shown.run, step: shown.payload.step, dim: store.state.dim, ...bar } });
  });

  function update(record) {
    const { state } = store;
    const { payload } = record;
    shown = record;
    if (!state.pair) return "Choose a cell of the matrix.";
    const missing = state.pair.find((name) => !payload.layers.includes(name));
    if (missing !== undefined) return `${missing} was not measured at this step.`;
    fillHeadline(headline, payload, state);
    pointing.update(drawPair(payload, state), detail.update(record, [...new Set(state.pair)]));
    fillTable(table, payload, state);
    return null;
  }

  function drawPair(payload, { pair, dim, plot }) {
    const bars = pairBars(payload, pair, dim);
    const [name, , draw] = PLOTS[plot];
    setAttribute(chart, "hidden", bars === null);
    without.hidden = bars !== null;
    without.textContent = dim === null ? "This step has no diagrams." : `This step has no diagrams in H${dim}.`;
    if (bars === null) return [];
    const width = Math.max(node.parentElement.clientWidth, 240);
    const height = Math.round(Math.min(Math.max(width * 0.8, 280), 520));
    sizeChart(chart, width, height);
    const limit = roundUp(limitOf(store.state, library, (one) => one.deaths.get(dim)));
    const marks = draw(chart, { width, height }, { bars, limit, dim }).map((mark) => leading(mark, payload, dim));
    const canChoose = marks.some((mark) => mark.bar);
    const keys = canChoose ? " Arrow keys go from mark to mark, Enter shows the inputs that make and end it." : "";
    setAttribute(chart, "aria-label", `${name} of ${pair.join(" and ")} in H${dim}. ${headline.textContent}${keys}`);
    setAttribute(chart, "role", canChoose ? "application" : "img");
    setAttribute(chart, "tabindex", canChoose ? 0 : null);
    return marks;
  }

  return { node, update };
}

/** A mark as it is pointed at: without a bar where nothing is known of the inputs that make it. */
function leading(mark, payload, dim) {
  return mark.bar && simplicesOf(payload, mark.bar.layer, dim) ? mark : { ...mark, bar: null };
}

/**
 * The bars of the pair's layers, one entry if both are the same layer.
 * @returns {?{name: string, side: string, births: number[], deaths: (?number)[]}[]}
 */
function pairBars(payload, pair, dim) {
  const position = payload.homology_dims.indexOf(dim);
  if (position < 0) return null;
  return [...new Set(pair)].map((name, i) => {
    const [births, deaths] = payload.diagrams[payload.layers.indexOf(name)][position];
    return { name, side: i === 0 ? "first" : "second", births, deaths };
  });
}

/** What the pair's distance is worth, in one line, and what distance it is, in another. */
function fillHeadline(headline, payload, { pair, dim, measure }) {
  const layers = [...new Set(pair)];
  const table = findTable(payload.distances, measure, dim);
  const [i, j] = pair.map((name) => payload.layers.indexOf(name));
  const missing = layers.map((name) => withoutPoints(payload, name)).filter(Boolean);
  const chips = layers.map((name, at) => layerChip(name, payload.layers, at));
  const arrow = element("span", { class: "quiet" }, "↔");
  headline.replaceChildren(...(chips.length === 1 ? chips : [chips[0], arrow, chips[1]]));
  if (missing.length > 0) headline.append(element("span", { class: "verdict" }, missing.join(" ")));
  else if (i === j && table) headline.append(element("span", { class: "verdict" }, noiseText(table.noise[i])));
  else headline.append(...distanceParts(pairFacts(table, i, j), payload.remark));
  if (table) headline.append(element("span", { class: "measured" }, withUnit(titleOf(table), table.unit)));
}

function distanceParts({ distance, size, p, relative, verdict, isClear }, remark) {
  const sizes = [size, p, relative].filter(Boolean).map((text) => element("span", { class: "fact" }, text));
  const badge = verdict && element("span", { class: `badge ${isClear ? "badge-clear" : "badge-noise"}`, title: remark || null }, verdict);
  return [element("span", { class: "verdict" }, distance), ...sizes, ...(badge ? [badge] : [])];
}

/** The statistics of the pair's layers: those of the features shown above, then those of a layer as a whole. */
function fillTable(table, payload, { pair, dim }) {
  const layers = [...new Set(pair)];
  const chips = layers.map((name, at) => layerChip(name, payload.layers, at, LONGEST_NAME_IN_TABLE));
  const places = layers.map((name) => payload.layers.indexOf(name));
  const rowsOf = (chosen) => {
    return payload.statistics.filter((one) => one.homology_dim === chosen).map((one) => statisticRow(one, places));
  };
  const ofLayers = rowsOf(null);
  const between = element("tr", {}, element("th", { scope: "rowgroup", colspan: layers.length + 1 }, "Whole layer"));
  table.replaceChildren(
    element("thead", {}, row("th", "col", dim === null ? "" : featureName(dim), chips)),
    element("tbody", {}, ...rowsOf(dim)),
    element("tbody", {}, ...(ofLayers.length > 0 ? [between, ...ofLayers] : [])),
  );
}

function statisticRow({ label, unit, more, values, errors }, places) {
  const numbers = places.map((at) => plusMinus(values[at], errors[at]));
  return row("td", "row", withUnit(label, unit), numbers, more && `larger: ${more}`);
}

function row(tag, scope, name, cells, hint = null) {
  const heading = element("th", { scope, title: hint || null }, name);
  return element("tr", {}, heading, ...cells.map((cell) => element(tag, { scope: tag === "th" ? scope : null }, cell)));
}
