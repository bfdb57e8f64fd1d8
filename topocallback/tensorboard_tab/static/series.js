/** The panel of curves over the steps: one line per layer, coloured by depth. */
import { drawAxes, label, sizeChart } from "./axes.js";
import { depthColour } from "./colours.js";
import { curvesOf, drawnCurve, isKnown, keyOf, linesOfParts, noiseCurves, valuesIn } from "./curves.js";
import { dropDown, element, setAttribute, shape } from "./dom.js";
import { shortLayerName, shortLayerNames } from "./names.js";
import { driftVerdict } from "./noise.js";
import { domainOf, linearScale, plusMinus, readableStep } from "./numbers.js";
import { createPanel } from "./panel.js";
import { quantitiesOf } from "./quantities.js";
import { unionOfSteps } from "./selection.js";

const HELP = [
  "How each layer changes during training. Drift is a layer’s distance from itself at the previous step or in the reference, by the " +
    "measure chosen in the matrix: near 0, it hardly changes.",
  "Filled points are beyond noise: a test finds that the layer has changed (p ≤ 0.05). Hollow ones are not told apart. " +
    "The test decides, not the height: with the same inputs at both steps, a small change may be a sure one.",
  "The dashed line is the chosen layer’s own noise: the distance that two samples of it, of this size, have on average. " +
    "A band shows a statistic’s standard error.",
  "Lines run from dark (first layers) to bright (last layers); the chosen pair keeps its blue and orange. Point at a line " +
    "to find its layer in the matrix; click in a plot to go to that step.",
];

const HEIGHT = 250;
const KEY_LEFT = 4;
const KEY_LINE = 14;
const LONGEST_NAME_IN_KEY = 18;
const HOVER_PIXELS = 24;

export function createSeriesPanel(context) {
  const { store } = context;
  const panel = createPanel(context, { id: "series", title: "Over the steps", help: HELP, kinds: ["svg", "png"] });
  const charts = [0, 1].map((position) => createChart(context, position));
  const legend = element("div", { class: "legend", role: "group", "aria-label": "Layers" });
  const empty = element("div", { class: "empty", hidden: true }, "No step yet.");
  panel.body.append(element("div", { class: "charts" }, ...charts.map((chart) => chart.node)), legend, empty);

  function update() {
    const lines = linesOf(context);
    empty.hidden = lines.layers.length > 0;
    charts.forEach((chart) => chart.update(lines));
    fillLegend(legend, context, lines);
  }

  // A step of the slider changes no curve: only the markers move.
  store.subscribe(["view"], () => charts.forEach((chart) => chart.markStep()));
  store.subscribe(
    ["digests", "measure", "dim", "pair", "layer", "hover", "evidence", "dark", "charts", "other", "run", "listings"],
    update,
  );
  new ResizeObserver(() => charts.some((chart) => chart.isResized()) && update()).observe(panel.body);
  return panel;
}

/** Digests of the shown runs, what there is to draw of them, and how every layer's line is drawn. */
function linesOf({ store, library }) {
  const { state } = store;
  const runs = [...new Set([state.run, state.other?.run ?? state.run])];
  const digests = runs.map((run) => library.digests(run));
  const layers = [...new Set(digests.flat().flatMap((one) => one.layers))];
  const focus = focusOf(state, layers);
  const styles = new Map(layers.map((name, i) => [name, lineStyle(name, i, layers.length, state, focus)]));
  return { runs, digests, layers, styles, quantities: quantitiesOf(digests.flat(), state) };
}

/** The layers that stand out from the others: the one pointed at, else those that an open finding shows here; or null. */
function focusOf({ hover, evidence }, layers) {
  if (hover !== null) return [hover];
  const about = evidence?.panel === "series" ? evidence.layers.filter((name) => layers.includes(name)) : [];
  return about.length > 0 ? about : null;
}

function lineStyle(name, position, count, { pair, dark }, focus) {
  const inPair = pair?.indexOf(name) ?? -1;
  const colour = inPair === 0 ? "var(--first)" : inPair === 1 ? "var(--second)" : depthColour(position, count, dark);
  const isFocus = focus?.includes(name) ?? false;
  const faded = focus !== null && !isFocus;
  const width = isFocus ? 3 : inPair >= 0 ? 2.2 : 1.3;
  const opacity = faded ? 0.18 : isFocus || inPair >= 0 ? 1 : 0.75;
  return { colour, width, opacity, isChosen: focus === null ? inPair >= 0 : isFocus };
}

function createChart(context, position) {
  const { store, session, tooltip } = context;
  const choice = dropDown(`Quantity of plot ${position + 1}`, (id) => {
    store.set({ charts: store.state.charts.with(position, id) });
  });
  const chart = shape("svg", { class: "plot chart", role: "img" });
  const detail = element("span", { class: "quiet" });
  const node = element("div", { class: "series" }, element("div", { class: "series-head" }, choice.node, detail), chart);
  const marker = shape("line", { class: "current" });
  let quantity = null;
  let curves = [];
  let x = null;
  let width = 0;

  function update(lines) {
    const { state } = store;
    quantity = lines.quantities.find(({ id }) => id === state.charts[position]) ?? null;
    choice.fill(lines.quantities.map(({ id, name }) => [id, name]), quantity?.id);
    detail.textContent = quantity?.detail ?? "";
    detail.title = detail.textContent;
    width = Math.max(Math.round(node.clientWidth), 200);
    sizeChart(chart, width, HEIGHT);
    const steps = unionOfSteps(state);
    curves = quantity ? curvesOf(lines, quantity) : [];
    const isEmpty = !curves.some(isKnown);
    const noise = isEmpty ? [] : noiseCurves(lines, quantity, state.hover ?? state.layer);
    const frame = { left: 46, right: width - 12, bottom: HEIGHT - 38 };
    const spacing = (frame.right - frame.left) / Math.max(steps.length - 1, 1);
    const parts = keyOf(curves, noise, (layer) => shortLayerName(layer, lines.layers, LONGEST_NAME_IN_KEY), spacing);
    const key = linesOfParts(parts, width - KEY_LEFT);
    frame.top = 15 + KEY_LINE * key.length;
    x = linearScale([steps[0] ?? 0, steps.at(-1) ?? 1], [frame.left + 4, frame.right - 4]);
    const y = linearScale(domainOf(valuesIn([...curves, ...noise])), [frame.bottom, frame.top]);
    drawAxes(chart, frame, { x, y, xLabel: "step", format: readableStep });
    chart.append(marker);
    setAttribute(marker, "y1", frame.top);
    setAttribute(marker, "y2", frame.bottom);
    markStep();
    for (const curve of [...noise, ...curves]) {
      curve.places = curve.points.map(({ step, value }) => [x(step), value === null ? null : y(value)]);
      chart.append(drawnCurve(curve, { x, y, spacing }));
    }
    key.forEach((line, row) => chart.append(label(KEY_LEFT, 11 + KEY_LINE * row, line, "start", "key")));
    const nothing = lines.layers.length > 0 && isEmpty ? "not known at the steps read so far" : "";
    const [middle, height] = [(frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2];
    if (nothing) chart.append(label(middle, height, nothing, "middle", "axis-name"));
    const said = [nothing, ...key].filter(Boolean).join(" · ");
    setAttribute(chart, "aria-label", `${quantity?.title ?? ""} over ${steps.length} steps. ${said}`.trim());
  }

  function markStep() {
    const step = store.state.view.first?.step ?? null;
    setAttribute(marker, "visibility", step === null || x === null ? "hidden" : "visible");
    if (step === null || x === null) return;
    setAttribute(marker, "x1", x(step));
    setAttribute(marker, "x2", x(step));
  }

  function nearest(event) {
    const box = chart.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    for (const curve of curves) {
      curve.places.forEach(([cx, cy], i) => {
        if (cy === null) return;
        const distance = Math.hypot((cx - px) / 2, cy - py);
        if (distance < (best?.distance ?? HOVER_PIXELS)) best = { distance, curve, point: curve.points[i] };
      });
    }
    return best;
  }

  chart.addEventListener("pointermove", (event) => {
    const found = nearest(event);
    store.set({ hover: found?.curve.layer ?? null });
    if (!found) return tooltip.hide();
    const { step, value, p, error } = found.point;
    const run = store.state.other ? ` · ${found.curve.run}` : "";
    const lines = [found.curve.layer, quantity.title, `${plusMinus(value, error)} at step ${readableStep(step)}${run}`];
    return tooltip.show(event, p === null ? lines : [...lines, driftVerdict(p)]);
  });
  chart.addEventListener("pointerleave", () => {
    tooltip.hide();
    store.set({ hover: null });
  });
  chart.addEventListener("click", (event) => {
    const wanted = x.invert(event.clientX - chart.getBoundingClientRect().left);
    const steps = unionOfSteps(store.state);
    const near = steps.toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0];
    if (near !== undefined) session.chooseStep(near);
  });

  return { node, update, markStep, isResized: () => Math.abs(node.clientWidth - width) > 1 };
}

/** The layers as buttons: pointing at one highlights it, pressing it shows its Mapper graph. */
function fillLegend(legend, { store }, { layers, styles }) {
  const signature = JSON.stringify(layers);
  if (legend.dataset.layers !== signature) {
    legend.dataset.layers = signature;
    const names = shortLayerNames(layers, 22);
    legend.replaceChildren(...layers.map((layer, i) => legendButton(store, layer, names[i])));
  }
  [...legend.children].forEach((button, i) => {
    const style = styles.get(layers[i]);
    button.style.setProperty("--line-colour", style.colour);
    button.style.setProperty("--line-width", `${Math.max(style.width, 2)}px`);
    button.classList.toggle("faded", style.opacity < 0.5);
    button.setAttribute("aria-pressed", String(layers[i] === store.state.layer));
  });
}

function legendButton(store, layer, name) {
  const point = (at) => () => store.set({ hover: at });
  return element(
    "button",
    {
      type: "button",
      title: layer,
      on: {
        pointerenter: point(layer),
        pointerleave: point(null),
        focus: point(layer),
        blur: point(null),
        click: () => store.set({ layer, node: null }),
      },
    },
    element("span", { class: "swatch" }),
    name,
  );
}
