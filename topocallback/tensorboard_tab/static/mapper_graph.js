/** A Mapper graph as a drawing: pies that can be dragged, a plane that can be panned and zoomed. */
import { sizeChart } from "./axes.js";
import { element, setAttribute, shape } from "./dom.js";
import { classShares } from "./nodes.js";
import { plural, readableNumber } from "./numbers.js";

const MARGIN = 30;
const LARGEST_RADIUS = 20;
const SMALLEST_RADIUS = 4;
const CLICK_PIXELS = 4;
const CLASSES_TOLD = 4;

/**
 * @param {Object} context
 * @param {"first"|"second"} side
 */
export function createGraphView({ store, tooltip }, side) {
  const plane = shape("g");
  const drawing = shape("svg", { class: "plot graph", tabindex: 0, role: "application" }, plane);
  const node = element("div", { class: "graph-frame" }, drawing);
  let shown = null;
  let drawn = null;
  let view = { zoom: 1, x: 0, y: 0 };
  let moved = new Map();
  let cursor = null;

  /** @param {Object} next The graph, its payload, an identity, a width, colours and the chosen node. */
  function update(next) {
    if (next.identity !== shown?.identity) moved = new Map();
    const same = shown && ["identity", "width"].every((key) => shown[key] === next[key]);
    shown = { ...next, height: Math.round(Math.min(Math.max(next.width * 0.72, 300), 420)) };
    if (!same || cursor >= next.graph.sizes.length) cursor = null;
    sizeChart(drawing, shown.width, shown.height);
    setAttribute(drawing, "aria-label", `Mapper graph with ${plural(next.graph.sizes.length, "node")}. Arrow keys move, Enter opens a node.`);
    draw();
  }

  function draw() {
    const { graph, colourOf } = shown;
    const most = Math.max(...graph.sizes);
    const crowd = Math.min(1, Math.sqrt(60 / graph.sizes.length));
    const radii = graph.sizes.map((size) => Math.max(LARGEST_RADIUS * crowd * Math.sqrt(size / most), SMALLEST_RADIUS));
    const edges = graph.edges.map(([, , shared]) => {
      return shape("line", { class: "edge", "stroke-width": Math.min(1 + Math.log2(shared), 5) });
    });
    const pies = graph.sizes.map((_, i) => pie(i, radii[i], colourOf(i)));
    drawn = { edges, pies, radii };
    // Small nodes last: a large one must not cover them.
    const bySize = pies.map((_, i) => i).sort((a, b) => graph.sizes[b] - graph.sizes[a]);
    plane.replaceChildren(...edges, ...bySize.map((i) => pies[i]));
    drawing.replaceChildren(plane);
    place();
    mark();
  }

  function pie(index, radius, slices) {
    const parts = slices.length === 1 ? [shape("circle", { r: radius, fill: slices[0].colour })] : slicePaths(slices, radius);
    const rim = shape("circle", { class: "rim", r: radius });
    return shape("g", { class: "node", "data-node": index }, ...parts, rim);
  }

  /** Where a node is on the screen. */
  function position(index) {
    const [x, y] = moved.get(index) ?? [shown.graph.x[index] ?? 0, shown.graph.y[index] ?? 0];
    const { width, height } = shown;
    return [
      width / 2 + view.x + view.zoom * x * (width / 2 - MARGIN),
      height / 2 + view.y - view.zoom * y * (height / 2 - MARGIN),
    ];
  }

  /** Move what is drawn to where it belongs. */
  function place() {
    const places = shown.graph.sizes.map((_, i) => position(i));
    const growth = Math.sqrt(view.zoom);
    drawn.pies.forEach((group, i) => group.setAttribute("transform", `translate(${places[i]}) scale(${growth})`));
    drawn.edges.forEach((line, i) => {
      const [from, to] = shown.graph.edges[i];
      ["x1", "y1"].forEach((name, axis) => line.setAttribute(name, places[from][axis]));
      ["x2", "y2"].forEach((name, axis) => line.setAttribute(name, places[to][axis]));
    });
  }

  function mark() {
    drawn.pies.forEach((group, i) => {
      group.classList.toggle("chosen", i === shown.chosen);
      group.classList.toggle("cursor", i === cursor);
    });
  }

  function zoom(factor, at = [shown.width / 2, shown.height / 2]) {
    const next = Math.min(Math.max(view.zoom * factor, 0.5), 12);
    const ratio = next / view.zoom;
    const [cx, cy] = [at[0] - shown.width / 2, at[1] - shown.height / 2];
    view = { zoom: next, x: cx - (cx - view.x) * ratio, y: cy - (cy - view.y) * ratio };
    place();
  }

  function fit() {
    view = { zoom: 1, x: 0, y: 0 };
    moved = new Map();
    place();
  }

  function linesOf(index) {
    const { graph, payload } = shown;
    const shares = classShares(graph, payload, index);
    const told = shares.slice(0, CLASSES_TOLD).map(({ label, share }) => `${payload.classes[label]}: ${Math.round(100 * share)} %`);
    if (shares.length > CLASSES_TOLD) told.push(`and ${shares.length - CLASSES_TOLD} more`);
    const purity = payload.labels ? [`purity ${readableNumber(graph.node_purity[index])}`] : [];
    return [plural(graph.sizes[index], "input"), ...purity, ...told];
  }

  function choose(index) {
    const { graph, payload } = shown;
    const samples = graph.members[index].map((member) => payload.sample_ids[member]);
    store.set({ node: { side, index, samples } });
  }

  function localPoint(event) {
    const box = drawing.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  const nodeUnder = (event) => {
    const group = event.target.closest?.(".node");
    return group ? Number(group.dataset.node) : null;
  };

  drawing.addEventListener("pointerdown", (event) => {
    const index = nodeUnder(event);
    const start = localPoint(event);
    const origin = index === null ? { ...view } : moved.get(index) ?? [shown.graph.x[index] ?? 0, shown.graph.y[index] ?? 0];
    let far = false;

    const drag = (move) => {
      const [dx, dy] = localPoint(move).map((value, axis) => value - start[axis]);
      far ||= Math.hypot(dx, dy) > CLICK_PIXELS;
      if (!far) return;
      tooltip.hide();
      if (index === null) view = { ...origin, x: origin.x + dx, y: origin.y + dy };
      else {
        const { width, height } = shown;
        moved.set(index, [
          origin[0] + dx / (view.zoom * (width / 2 - MARGIN)),
          origin[1] - dy / (view.zoom * (height / 2 - MARGIN)),
        ]);
      }
      place();
    };
    const drop = () => {
      drawing.removeEventListener("pointermove", drag);
      drawing.classList.remove("dragging");
      if (!far && index !== null) choose(index);
    };
    drawing.setPointerCapture(event.pointerId);
    drawing.classList.add("dragging");
    drawing.addEventListener("pointermove", drag);
    drawing.addEventListener("lostpointercapture", drop, { once: true });
  });

  drawing.addEventListener("pointermove", (event) => {
    const index = drawing.classList.contains("dragging") ? null : nodeUnder(event);
    if (index === null) tooltip.hide();
    else tooltip.show(event, linesOf(index));
  });
  drawing.addEventListener("pointerleave", () => tooltip.hide());

  // The wheel scrolls the page until the graph has been chosen: a graph that swallows the page's scrolling is a trap.
  drawing.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && document.activeElement !== drawing) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 400), localPoint(event));
    },
    { passive: false },
  );

  drawing.addEventListener("keydown", (event) => {
    const directions = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    if (event.key in directions) {
      cursor = cursor === null ? (shown.chosen ?? 0) : neighbourIn(directions[event.key]);
      mark();
      const [x, y] = position(cursor);
      const box = drawing.getBoundingClientRect();
      tooltip.show({ clientX: box.left + x, clientY: box.top + y }, linesOf(cursor));
      tooltip.say(linesOf(cursor).join(", "));
    } else if ((event.key === "Enter" || event.key === " ") && cursor !== null) choose(cursor);
    else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  drawing.addEventListener("blur", () => {
    tooltip.hide();
    cursor = null;
    if (drawn) mark();
  });

  /** The node that lies nearest in a direction, straight ahead counting more than aside. */
  function neighbourIn([dx, dy]) {
    const [x, y] = position(cursor);
    let best = cursor;
    let least = Infinity;
    shown.graph.sizes.forEach((_, i) => {
      const [px, py] = position(i);
      const ahead = (px - x) * dx + (py - y) * dy;
      const aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
      if (i !== cursor && ahead > 0 && ahead + 2 * aside < least) [best, least] = [i, ahead + 2 * aside];
    });
    return best;
  }

  return { node, update, zoom, fit };
}

function slicePaths(slices, radius) {
  let angle = -Math.PI / 2;
  return slices.map(({ colour, share }) => {
    const from = angle;
    angle += 2 * Math.PI * share;
    const large = share > 0.5 ? 1 : 0;
    const [x1, y1, x2, y2] = [Math.cos(from), Math.sin(from), Math.cos(angle), Math.sin(angle)].map((v) => (v * radius).toFixed(2));
    return shape("path", { fill: colour, d: `M0 0L${x1} ${y1}A${radius} ${radius} 0 ${large} 1 ${x2} ${y2}Z` });
  });
}
