/** The panel that shows why two layers differ: their diagrams, barcodes or Betti curves in one picture. */
import { sizeChart, nearestMark } from "./axes.js";
import { drawBarcodes } from "./barcodes.js";
import { drawBettiCurves } from "./betti.js";
import { drawDiagrams } from "./diagrams.js";
import { element, segments, setAttribute, shape } from "./dom.js";
import { dimensionName, featureName, quantityName, shortened } from "./names.js";
import { largestNoise, verdictOf } from "./noise.js";
import { readableNumber, roundUp } from "./numbers.js";
import { createPanel, createSides } from "./panel.js";
import { limitOf, measureKey } from "./selection.js";

const HELP = [
  "Why the two chosen layers differ. As a radius grows from 0, inputs that are closer than it get joined. Features " +
    "(clusters in H0, loops in H1) appear at their birth and vanish at their death.",
  "Diagram: one mark per feature. Far above the diagonal: it lasts long, and hardly comes from chance. Near the diagonal: " +
    "short-lived, as any finite sample has them in numbers.",
  "Barcode: the longest features as bars from birth to death. Betti curve: how many features are alive at each radius.",
];

const PLOTS = {
  diagram: ["Diagram", "Birth and death of every feature", drawDiagrams],
  barcode: ["Barcode", "The longest features as bars", drawBarcodes],
  betti: ["Betti curve", "How many features are alive at each radius", drawBettiCurves],
};
/** The table's columns: statistics and their short names. */
const STATISTICS = {
  bars: "bars",
  total_persistence: "total length",
  longest_bar: "longest",
  persistent_entropy: "entropy",
};
const HOVER_PIXELS = 14;

export function createPairPanel(context) {
  const { store } = context;
  const panel = createPanel(context, { id: "pair", title: "Layer pair", help: HELP, kinds: ["svg", "png"] });
  const dims = segments("Homology dimension", (choice) => store.set({ dim: Number(choice) }));
  const plot = segments("Kind of plot", (choice) => store.set({ plot: choice }));
  panel.tools.append(dims.node, plot.node);
  const sides = createSides(context, panel.body, () => createPairSlot(context));

  function update(state) {
    const payload = state.view.first?.payload ?? state.view.second?.payload;
    if (payload) dims.fill(payload.homology_dims.map((dim) => [dim, `H${dim}`, dimensionName(dim)]), state.dim);
    plot.fill(Object.entries(PLOTS).map(([key, [text, hint]]) => [key, text, hint]), state.plot);
    sides.update();
  }

  store.subscribe(["view", "measure", "dim", "range", "pair", "plot", "digests", "other"], update);
  return panel;
}

function createPairSlot(context) {
  const { store, library, tooltip } = context;
  const headline = element("div", { class: "pair-headline" });
  const chart = shape("svg", { class: "plot chart", role: "img" });
  const table = element("table", { class: "numbers" });
  const node = element("div", { class: "pair" }, headline, chart, table);
  let marks = [];

  function update({ payload }) {
    const { state } = store;
    if (!state.pair) return "Choose a cell of the matrix.";
    const missing = state.pair.find((name) => !payload.layers.includes(name));
    if (missing !== undefined) return `${missing} was not measured at this step.`;
    const bars = pairBars(payload, state.pair, state.dim);
    if (bars === null) return `This step has no diagrams in H${state.dim}.`;
    fillHeadline(headline, payload, state);
    const width = Math.max(node.parentElement.clientWidth, 240);
    const height = Math.round(Math.min(Math.max(width * 0.8, 280), 520));
    sizeChart(chart, width, height);
    const limit = roundUp(limitOf(state, library, `bars_H${state.dim}`));
    const [name, , draw] = PLOTS[state.plot];
    marks = draw(chart, { width, height }, { bars, limit, dim: state.dim });
    setAttribute(chart, "aria-label", `${name} of ${state.pair.join(" and ")} in H${state.dim}. ${headline.textContent}`);
    fillTable(table, payload, state);
    return null;
  }

  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const mark = nearestMark(marks, event.clientX - box.left, event.clientY - box.top, HOVER_PIXELS);
    if (mark) tooltip.show(event, mark.lines);
    else tooltip.hide();
  });
  chart.addEventListener("pointerleave", () => tooltip.hide());
  return { node, update };
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

/** What the pair's distance is worth, in one line. */
function fillHeadline(headline, payload, { pair, dim, measure }) {
  const key = measureKey({ measure, dim });
  const [i, j] = pair.map((name) => payload.layers.indexOf(name));
  const noise = largestNoise(payload.noise[key]?.[i] ?? null, payload.noise[key]?.[j] ?? null);
  const names = [...new Set(pair)].map((name, at) => layerChip(name, at === 0 ? "first" : "second"));
  if (i === j) {
    headline.replaceChildren(...names, element("span", { class: "verdict" }, `noise floor ${readableNumber(noise)}`));
    return;
  }
  const distance = payload.distances[key]?.[i]?.[j] ?? null;
  const clear = distance !== null && noise !== null && distance > noise;
  headline.replaceChildren(
    names[0],
    element("span", { class: "quiet" }, "↔"),
    names[1],
    element("span", { class: "verdict" }, `distance ${readableNumber(distance)}`),
    element(
      "span",
      { class: `badge ${clear ? "badge-clear" : "badge-noise"}` },
      verdictOf(distance, noise),
    ),
  );
}

function layerChip(name, side) {
  return element("span", { class: `layer-chip chip-${side}`, title: name }, shortened(name, 30));
}

/** The statistics of the pair's layers. */
function fillTable(table, payload, { pair, dim }) {
  const names = Object.keys(STATISTICS).filter((name) => payload.statistics[`${name}_H${dim}`]);
  const head = element("tr", {}, element("th", { scope: "col" }, featureName(dim)), ...names.map((name) => heading(name)));
  const rows = [...new Set(pair)].map((layer, i) => {
    const at = payload.layers.indexOf(layer);
    const cells = names.map((name) => element("td", {}, readableNumber(payload.statistics[`${name}_H${dim}`][at])));
    return element("tr", {}, element("th", { scope: "row" }, layerChip(layer, i === 0 ? "first" : "second")), ...cells);
  });
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}

function heading(name) {
  return element("th", { scope: "col", title: quantityName(name) }, STATISTICS[name]);
}
