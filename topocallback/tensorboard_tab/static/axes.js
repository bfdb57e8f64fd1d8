/** Charts drawn as SVG: a frame, round ticks, quiet grid lines. */
import { shape } from "./dom.js";
import { readableNumber, ticksBetween } from "./numbers.js";

/**
 * Make or clear a chart of a given size in pixels.
 * @param {SVGElement} chart
 */
export function sizeChart(chart, width, height) {
  chart.replaceChildren();
  chart.setAttribute("width", width);
  chart.setAttribute("height", height);
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
}

/**
 * Draw the axes of a frame.
 * @param {{left: number, top: number, right: number, bottom: number}} frame In pixels.
 * @param {{x: ?Function, y: ?Function, xLabel: string, yLabel: string}} scales
 */
export function drawAxes(chart, frame, { x, y, xLabel = "", yLabel = "", format = readableNumber }) {
  const group = shape("g", { class: "axes" });
  if (y) {
    for (const tick of ticksBetween(...y.domain, 5)) {
      const at = y(tick);
      group.append(
        shape("line", { class: "grid", x1: frame.left, x2: frame.right, y1: at, y2: at }),
        label(frame.left - 6, at + 3.5, readableNumber(tick), "end"),
      );
    }
  }
  if (x) {
    const count = Math.max(2, Math.floor((frame.right - frame.left) / 90));
    for (const tick of ticksBetween(...x.domain, count)) {
      const at = x(tick);
      group.append(
        shape("line", { class: "tick", x1: at, x2: at, y1: frame.bottom, y2: frame.bottom + 4 }),
        label(at, frame.bottom + 16, format(tick), "middle"),
      );
    }
  }
  group.append(
    shape("line", { class: "baseline", x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom }),
    label((frame.left + frame.right) / 2, frame.bottom + 32, xLabel, "middle", "axis-name"),
    label(frame.left, frame.top - 9, yLabel, "start", "axis-name"),
  );
  chart.append(group);
  return group;
}

/** A line of text. */
export function label(x, y, text, anchor = "start", className = "tick-text") {
  return shape("text", { x, y, "text-anchor": anchor, class: className }, text);
}

/** One path through points; a gap stays a gap. */
export function linePath(points) {
  let pen = "M";
  let path = "";
  for (const [x, y] of points) {
    if (x === null || y === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  }
  return path;
}

/** One path that draws a dot at every point: strokes of no length with round or square ends. */
export function dotsPath(points) {
  return points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
}

/** The nearest of some {x, y} marks within so many pixels, or null. */
export function nearestMark(marks, x, y, within) {
  let best = null;
  let least = within * within;
  for (const mark of marks) {
    const distance = (mark.x - x) ** 2 + (mark.y - y) ** 2;
    if (distance < least) [best, least] = [mark, distance];
  }
  return best;
}
