/** Betti curves: how many features of one or two layers are alive at each radius. */
import { drawAxes } from "./axes.js";
import { shape } from "./dom.js";
import { linearScale } from "./numbers.js";

/** Draw the curves; returns what the mouse can point at. */
export function drawBettiCurves(chart, { width, height }, { bars, limit }) {
  const frame = { left: 46, top: 30, right: width - 14, bottom: height - 42 };
  const curves = bars.map(({ births, deaths }) => bettiSteps(births, deaths));
  const most = Math.max(1, ...curves.flat().map(([, alive]) => alive));
  const x = linearScale([0, limit], [frame.left, frame.right]);
  const y = linearScale([0, most], [frame.bottom, frame.top]);
  drawAxes(chart, frame, { x, y, xLabel: "radius", yLabel: "features alive" });
  return curves.flatMap((steps, i) => {
    const inside = steps.filter(([radius]) => radius <= limit);
    chart.append(shape("path", { class: `curve curve-${bars[i].side}`, d: stairsPath(inside, x, y, frame) }));
    return inside.map(([radius, alive]) => ({
      x: x(radius),
      y: y(alive),
      lines: [bars[i].name, `${alive} alive from radius ${Number(radius.toPrecision(3))}`],
    }));
  });
}

/**
 * The curve's jumps: [radius, how many bars are alive from there on]. A bar is alive from its birth until just before
 * its death.
 */
function bettiSteps(births, deaths) {
  const changes = new Map([[0, 0]]);
  const change = (radius, by) => changes.set(radius, (changes.get(radius) ?? 0) + by);
  births.forEach((birth) => change(birth, 1));
  deaths.forEach((death) => death === null || change(death, -1));
  let alive = 0;
  return [...changes].sort((a, b) => a[0] - b[0]).map(([radius, by]) => [radius, (alive += by)]);
}

function stairsPath(steps, x, y, frame) {
  const path = steps.map(([radius, alive]) => `H${x(radius).toFixed(1)}V${y(alive).toFixed(1)}`).join("");
  return `M${frame.left} ${frame.bottom}${path}H${frame.right}`;
}
