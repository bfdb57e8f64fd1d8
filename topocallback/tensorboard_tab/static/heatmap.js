/** The panel that compares every layer with every other. */
import { dropDown, element, segments } from "./dom.js";
import { drawHeatmap, heatmapLayout } from "./heatmap_drawing.js";
import { dimensionName, titleOf, withUnit } from "./names.js";
import { noiseText, pairFacts } from "./noise.js";
import { roundUp } from "./numbers.js";
import { createPanel, createSides } from "./panel.js";
import { withoutPoints } from "./payload.js";
import { choiceOfMeasure, limitOf } from "./selection.js";
import { dimensionsOf, findTable, measuresOf } from "./tables.js";

const HELP = [
  "Each cell says how differently two layers arrange the same inputs, by the chosen measure. One with H0, H1 and so on is " +
    "a distance between the layers’ persistence diagrams. Dark is alike, bright is different.",
  "Round cells on the diagonal show the layer’s own noise: the distance that two samples of it, of this size, have on " +
    "average. “1.8 × noise” is a distance beside the noise of its two layers: a size, not a verdict.",
  "A test decides. Hatched cells are not told apart at 5 % per cell (p > 0.05): a difference may be there, but these " +
    "inputs do not show it. Of 100 cells without any difference, about 5 are told apart all the same.",
  "Relative is the share of the largest distance that there could be. It can be compared between runs with different " +
    "numbers of inputs; the distance itself cannot.",
  "H0 compares how inputs fall into clusters, H1 how they form loops. Blocks along the diagonal are layers that are alike.",
  "Click a cell to see why two layers differ. With the keyboard: arrows move, Enter chooses.",
];

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function createHeatmapPanel(context) {
  const { store } = context;
  const panel = createPanel(context, { id: "heatmap", title: "Layer distances", help: HELP, kinds: ["png"] });
  const measure = dropDown("Measure", (choice) => store.set(choiceOfMeasure(store.state, payloadOf(store.state), choice)));
  const dims = segments("Homology dimension", (choice) => store.set({ dim: Number(choice) }));
  const range = segments("Colour range", (choice) => store.set({ range: choice }));
  panel.tools.append(measure.node, dims.node, range.node);
  const sides = createSides(context, panel.body, () => createHeatmapSlot(context));

  function update(state) {
    const payload = payloadOf(state);
    if (payload) {
      const own = dimensionsOf(payload.distances, state.measure);
      measure.fill(measuresOf(payload.distances), state.measure);
      dims.fill(own.map((dim) => [dim, dimensionName(dim)]), state.dim);
    }
    range.fill(
      [
        ["fixed", "Fixed", "One colour range for all steps, so that the slider shows change"],
        ["step", "Per step", "The colour range of the shown step"],
      ],
      state.range,
    );
    sides.update();
  }

  store.subscribe(["view", "measure", "dim", "range", "pair", "hover", "dark", "digests", "other"], update);
  return panel;
}

/** The record that says what there is to choose from. */
function payloadOf({ view }) {
  return view.first?.payload ?? view.second?.payload;
}

function createHeatmapSlot(context) {
  const { store, library, tooltip } = context;
  const canvas = element("canvas", { class: "plot heatmap", tabindex: 0, role: "application" });
  const problems = element("p", { class: "note" });
  const node = element("div", {}, canvas, problems);
  let matrix = null;
  let layout = null;
  let cursor = null;

  function update(record) {
    const { state } = store;
    const { payload } = record;
    if (payload.layers.length === 0) return "No layer was measured at this step.";
    const { measure, dim } = state;
    const table = findTable(payload.distances, measure, dim);
    if (table === null) return `${noTable(payload, measure, dim)} ${payload.damage}`.trim();
    matrix = {
      layers: payload.layers,
      table,
      limit: roundUp(limitOf(state, library, (one) => findTable(one.distances, measure, dim)?.limit)),
      title: withUnit(titleOf(table), table.unit),
      pair: pairIn(payload.layers, state.pair),
      cursor: cursor && cursor.every((at) => at < payload.layers.length) ? cursor : null,
      highlight: positionOf(payload.layers, state.hover),
      withoutPoints: payload.layers.map((layer) => withoutPoints(payload, layer)),
    };
    layout = heatmapLayout(payload.layers, Math.max(node.parentElement.clientWidth, 240));
    drawHeatmap(canvas, matrix, layout);
    canvas.setAttribute("aria-label", describe());
    const ofLayers = Object.entries(payload.problems).map(([layer, problem]) => `${layer}: ${problem}`);
    problems.textContent = [payload.remark, ...ofLayers, payload.damage].filter(Boolean).join(" ");
    problems.hidden = problems.textContent === "";
    return null;
  }

  function describe() {
    const chosen = matrix.pair ? ` Chosen: ${cellLines(...matrix.pair).join(", ")}.` : "";
    return `Matrix of ${matrix.title} between ${matrix.layers.length} layers. Arrow keys move, Enter chooses a pair.${chosen}`;
  }

  function cellLines(i, j) {
    const { layers, table, title } = matrix;
    const pair = i === j ? layers[i] : `${layers[i]} ↔ ${layers[j]}`;
    const missing = [...new Set([i, j])].map((at) => matrix.withoutPoints[at]).filter(Boolean);
    if (missing.length > 0) return [pair, ...missing];
    if (i === j) return [pair, title, noiseText(table.noise[i])];
    const { distance, size, relative, p, verdict } = pairFacts(table, i, j);
    const lines = [[distance], [size, relative], [p, verdict]].map((parts) => parts.filter(Boolean).join(" · "));
    return [pair, title, ...lines.filter(Boolean)];
  }

  function cellAt(event) {
    const box = canvas.getBoundingClientRect();
    const i = Math.floor((event.clientY - box.top - layout.top) / layout.cell);
    const j = Math.floor((event.clientX - box.left - layout.left) / layout.cell);
    const count = matrix.layers.length;
    return i >= 0 && j >= 0 && i < count && j < count ? [i, j] : null;
  }

  function pointAt(cell) {
    if (String(cell) === String(cursor)) return;
    cursor = cell;
    matrix.cursor = cell;
    drawHeatmap(canvas, matrix, layout);
  }

  function choose([i, j]) {
    const { layers } = matrix;
    store.set({ pair: [layers[i], layers[j]], layer: layers[j], node: null });
  }

  canvas.addEventListener("pointermove", (event) => {
    const cell = matrix && cellAt(event);
    if (!matrix) return;
    pointAt(cell);
    canvas.style.cursor = cell ? "pointer" : "default";
    if (cell) tooltip.show(event, cellLines(...cell));
    else tooltip.hide();
  });
  canvas.addEventListener("pointerleave", () => {
    tooltip.hide();
    if (matrix) pointAt(null);
  });
  canvas.addEventListener("click", (event) => {
    const cell = matrix && cellAt(event);
    if (cell) choose(cell);
  });
  canvas.addEventListener("keydown", (event) => {
    if (!matrix) return;
    if (event.key in ARROWS) {
      const from = cursor ?? matrix.pair ?? [0, 0];
      const last = matrix.layers.length - 1;
      pointAt(ARROWS[event.key].map((by, axis) => Math.min(Math.max(from[axis] + by, 0), last)));
      tooltip.say(cellLines(...cursor).join(", "));
      const box = canvas.getBoundingClientRect();
      const [i, j] = cursor;
      tooltip.show(
        { clientX: box.left + layout.left + (j + 0.5) * layout.cell, clientY: box.top + layout.top + (i + 0.5) * layout.cell },
        cellLines(i, j),
      );
    } else if ((event.key === "Enter" || event.key === " ") && cursor) {
      choose(cursor);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  canvas.addEventListener("blur", () => {
    tooltip.hide();
    if (matrix) pointAt(null);
  });

  return { node, update };
}

function positionOf(layers, name) {
  const at = layers.indexOf(name);
  return at < 0 ? null : at;
}

function pairIn(layers, pair) {
  const places = pair?.map((name) => layers.indexOf(name)) ?? [-1];
  return places.includes(-1) ? null : places;
}

function noTable({ distances }, measure, dim) {
  if (distances.length === 0) return "This step has no distances between its layers.";
  const label = distances.find((table) => table.measure === measure)?.label;
  return label ? `This step has no ${label} in H${dim}.` : "This step does not have the chosen measure.";
}
