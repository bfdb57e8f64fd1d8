/** Persistence diagrams of one or two layers in one picture. */
import { dotsPath, drawAxes, label } from "./axes.js";
import { shape } from "./dom.js";
import { shortNames } from "./names.js";
import { linearScale, readableNumber } from "./numbers.js";

const GOLDEN = 0.618034;
const RING = 7;

/**
 * Draw the diagrams: birth to the right, death upwards, a mark per feature. A death beyond the axes is a triangle at
 * their upper end; a feature that never dies stands on a dashed line above it.
 * @returns {import("./pointing.js").Mark[]} What can be pointed at.
 */
export function drawDiagrams(chart, { width, height }, { bars, limit, dim }) {
  const bornTogether = bars.every(({ births }) => births.every((birth) => birth === 0));
  const frame = { left: 46, top: 30, right: width - 14, bottom: height - 42 };
  const y = linearScale([0, limit], [frame.bottom, frame.top + 16]);
  if (bornTogether && dim === 0) return drawColumns(chart, frame, y, bars, limit);
  const side = Math.min(frame.right - frame.left, (frame.bottom - frame.top - 16) * 1.4);
  frame.right = frame.left + side;
  const x = linearScale([0, limit], [frame.left, frame.right]);
  drawAxes(chart, frame, { x, y, xLabel: "birth", yLabel: "death" });
  chart.append(
    shape("path", { class: "below-diagonal", d: `M${x(0)} ${y(0)}L${x(limit)} ${y(limit)}V${y(0)}Z` }),
    shape("line", { class: "diagonal", x1: x(0), y1: y(0), x2: x(limit), y2: y(limit) }),
  );
  return drawMarks(chart, frame, bars, limit, y, (_, birth) => x(birth));
}

/** In H0 all features are born at 0: instead of one line for both, each layer gets a column of its deaths. */
function drawColumns(chart, frame, y, bars, limit) {
  drawAxes(chart, frame, { y, yLabel: "death (all clusters are born at 0)" });
  const pitch = (frame.right - frame.left) / bars.length;
  const spread = Math.min(pitch * 0.6, 170);
  const names = shortNames(bars.map(({ name }) => name), pitch / 7);
  bars.forEach(({ side }, i) => {
    const middle = frame.left + (i + 0.5) * pitch;
    chart.append(label(middle, frame.bottom + 18, names[i], "middle", `axis-name name-${side}`));
  });
  return drawMarks(chart, frame, bars, limit, y, (at, _, position) => {
    const middle = frame.left + (at + 0.5) * pitch;
    return middle + (((position * GOLDEN) % 1) - 0.5) * spread;
  });
}

function drawMarks(chart, frame, bars, limit, y, across) {
  const marks = [];
  const top = frame.top + 4;
  let never = false;
  bars.forEach(({ name, side, births, deaths }, at) => {
    const inside = [];
    const beyond = [];
    births.forEach((birth, position) => {
      const death = deaths[position];
      never ||= death === null;
      const [px, py] = [across(at, birth, position), death === null ? top : y(Math.min(death, limit))];
      (death !== null && death > limit ? beyond : inside).push([px, py]);
      const box = { x: px - RING, y: py - RING, width: 2 * RING, height: 2 * RING };
      marks.push({ x: px, y: py, lines: featureLines(name, birth, death), bar: { layer: name, position }, box });
    });
    chart.append(shape("path", { class: `dots dots-${side}`, d: dotsPath(inside) }));
    chart.append(shape("path", { class: `beyond beyond-${side}`, d: trianglesPath(beyond) }));
  });
  if (never) {
    chart.append(
      shape("line", { class: "never", x1: frame.left, x2: frame.right, y1: top, y2: top }),
      label(frame.right, top - 6, "never dies", "end"),
    );
  }
  if (marks.length === 0) {
    chart.append(label((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, "no features", "middle", "axis-name"));
  }
  return marks;
}

function trianglesPath(points) {
  return points.map(([x, y]) => `M${(x - 4).toFixed(1)} ${(y + 4).toFixed(1)}h8l-4 -7Z`).join("");
}

/** What is said of one feature. */
export function featureLines(name, birth, death) {
  if (death === null) return [name, `born at ${readableNumber(birth)}, never dies`];
  return [
    name,
    `birth ${readableNumber(birth)}, death ${readableNumber(death)}`,
    `lasts ${readableNumber(death - birth)}`,
  ];
}
