/** The panel of one layer's Mapper graph, with the inputs of the chosen node. */
import { classColours, viridis } from "./colours.js";
import { dropDown, element, iconButton, segments } from "./dom.js";
import { createGraphView } from "./mapper_graph.js";
import { createNodeDetail } from "./node_detail.js";
import { shortNames } from "./names.js";
import { plural, readableNumber } from "./numbers.js";
import { classShares, counterpart } from "./nodes.js";
import { createPanel, createSides } from "./panel.js";
import { withoutPoints } from "./payload.js";

const HELP = [
  "How one layer sorts the inputs. Each node is a group of inputs that the layer places close together; its area grows with " +
    "their number. Two nodes are joined where they share inputs.",
  "Colours are the inputs’ classes. Nodes of one colour: the layer has told that class apart. A mixed node holds inputs that " +
    "the layer confuses. Click a node to see them.",
  "The majority share is how much of a node its most frequent class makes up, on average over the inputs in nodes. It says " +
    "nothing of the other inputs: read it beside the share of inputs in nodes.",
  "Positions carry over from step to step; distances on the screen mean nothing. Small and lone nodes are the least certain.",
  "Drag a node to move it, drag the background to pan. Zoom with the buttons, + and −, or the wheel once the graph is chosen " +
    "or with Ctrl. Arrow keys go from node to node, Enter opens one.",
];

const COLOURINGS = {
  class: ["Class", "A pie of the inputs’ classes"],
  purity: ["Purity", "1 / number of classes in a node: bright is pure"],
  filter: ["Filter", "Mean value of the filter that the graph was made along"],
};
const MOST_CONFUSIONS = 3;
const LONGEST_NAME = 28; // that a closed list has room for
const LONGEST_CLASS = 32;
const ZOOM_IN = "M8 3v10M3 8h10";
const ZOOM_OUT = "M3 8h10";
const FIT = "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3";

export function createMapperPanel(context) {
  const { store } = context;
  const panel = createPanel(context, { id: "mapper", title: "Mapper graph", help: HELP, kinds: ["svg", "png"] });
  const layer = dropDown("Layer", (choice) => store.set({ layer: choice, node: null }));
  const colouring = segments("Colour of the nodes", (choice) => store.set({ nodeColour: choice }));
  panel.tools.append(layer.node, colouring.node);
  const legend = element("ul", { class: "class-legend", "aria-label": "Classes" });
  const sides = createSides(context, panel.body, (side) => createMapperSlot(context, side));
  const detail = createNodeDetail(context);
  panel.body.append(legend, detail.node);

  function update(state) {
    const payload = state.view.first?.payload ?? state.view.second?.payload;
    if (payload) {
      const layers = payload.layers.includes(state.layer) ? payload.layers : [state.layer, ...payload.layers];
      const known = layers.filter((name) => name !== null);
      const short = shortNames(known, LONGEST_NAME);
      layer.fill(known.map((name, i) => [name, short[i]]), state.layer);
      const possible = Object.entries(COLOURINGS).filter(([key]) => payload.labels || key === "filter");
      colouring.fill(possible.map(([key, [text, hint]]) => [key, text, hint]), coloursBy(state, payload));
      fillClasses(legend, payload, coloursBy(state, payload));
    }
    sides.update();
    detail.update(state);
  }

  store.subscribe(["view", "layer", "node", "nodeColour", "dark", "other"], update);
  return panel;
}

/** Without labels only the filter's values are left. */
function coloursBy(state, payload) {
  return payload.labels ? state.nodeColour : "filter";
}

function fillClasses(legend, payload, coloursAre) {
  legend.hidden = coloursAre !== "class";
  const colours = classColours(payload.classes, payload.labels);
  const other = colours.filter((colour, i) => colours.indexOf(colour) !== i).length > 0;
  const entries = shortNames(payload.classes, LONGEST_CLASS).map((name, i) => [name, colours[i]]);
  const unique = entries.filter(([, colour], i) => colours.indexOf(colour) === i && colours.lastIndexOf(colour) === i);
  if (other) unique.push(["other classes", colours.find((colour, i) => colours.lastIndexOf(colour) !== i)]);
  legend.replaceChildren(
    ...unique.map(([name, colour]) => {
      return element("li", {}, element("span", { class: "swatch", style: { background: colour } }), name);
    }),
  );
}

function createMapperSlot(context, side) {
  const { store } = context;
  const view = createGraphView(context, side);
  const zoom = element(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    iconButton("Zoom in", ZOOM_IN, () => view.zoom(1.3)),
    iconButton("Zoom out", ZOOM_OUT, () => view.zoom(1 / 1.3)),
    iconButton("Show the whole graph", FIT, () => view.fit()),
  );
  const facts = element("p", { class: "facts" });
  const node = element("div", { class: "mapper" }, view.node, zoom, facts);

  function update({ run, step, payload }) {
    const { state } = store;
    const at = payload.layers.indexOf(state.layer);
    if (at < 0) return `${state.layer} was not measured at this step.`;
    const graph = payload.mappers[at];
    const missing = withoutPoints(payload, state.layer);
    if (missing) return missing;
    if (!graph) return "No Mapper graph was made of this layer.";
    if (graph.sizes.length === 0) return "The graph is empty: no group of inputs is dense enough at this radius.";
    view.update({
      graph,
      payload,
      identity: JSON.stringify([run, step, state.layer]),
      width: Math.max(node.parentElement.clientWidth, 240),
      colourOf: nodeColouring(graph, payload, coloursBy(state, payload)),
      chosen: state.node?.side === side ? counterpart(graph, payload, state.node) : null,
    });
    facts.textContent = factsOf(graph, payload);
    return null;
  }

  return { node, update };
}

/**
 * How nodes are coloured.
 * @returns {function(number): {colour: string, share: number}[]} The slices of a node's pie.
 */
function nodeColouring(graph, payload, coloursAre) {
  if (coloursAre === "class") {
    const colours = classColours(payload.classes, payload.labels);
    return (node) => classShares(graph, payload, node).map(({ label, share }) => ({ colour: colours[label], share }));
  }
  if (coloursAre === "purity") return (node) => [{ colour: viridis(graph.node_purity[node] ?? 0), share: 1 }];
  const low = Math.min(...graph.filter_means);
  const span = Math.max(...graph.filter_means) - low || 1;
  return (node) => [{ colour: viridis((graph.filter_means[node] - low) / span), share: 1 }];
}

function factsOf(graph, payload) {
  const facts = [
    plural(graph.sizes.length, "node"),
    plural(graph.components, "component"),
    plural(graph.cycles, "cycle"),
    `${Math.round(100 * graph.coverage)} % of inputs in nodes`,
  ];
  if (payload.labels) facts.push(`majority share ${readableNumber(graph.purity.majority)}`);
  const confused = graph.confusions.slice(0, MOST_CONFUSIONS).map(([a, b, nodes]) => `${a} and ${b} (${plural(nodes, "node")})`);
  return facts.join(" · ") + (confused.length > 0 ? `. Most often together: ${confused.join(", ")}.` : "");
}
