/** The longest features of one or two layers as bars from birth to death. */
import { drawAxes, label } from "./axes.js";
import { featureLines } from "./diagrams.js";
import { shape } from "./dom.js";
import { linearScale } from "./numbers.js";

const MOST_BARS = 40;
const BETWEEN = 26;
const RING = 3;

/** Draw the barcodes, the pair's layers one above the other; returns what can be pointed at. */
export function drawBarcodes(chart, { width, height }, { bars, limit }) {
  const frame = { left: 18, top: 14, right: width - 18, bottom: height - 42 };
  const x = linearScale([0, limit], [frame.left, frame.right]);
  drawAxes(chart, frame, { x, xLabel: "radius at which a feature is born and dies" });
  const room = (frame.bottom - frame.top) / bars.length - BETWEEN;
  return bars.flatMap((layer, i) => drawLayer(chart, layer, x, limit, frame.top + i * (room + BETWEEN), room));
}

function drawLayer(chart, { name, side, births, deaths }, x, limit, top, room) {
  const count = Math.min(births.length, MOST_BARS);
  const shown = births.slice(0, count).map((birth, position) => ({ birth, death: deaths[position], position }));
  shown.sort((a, b) => a.birth - b.birth || length(b) - length(a));
  const pitch = Math.min(room / Math.max(count, 1), 9);
  const text = count < births.length ? `the ${count} longest of ${births.length}` : `${count} in all`;
  chart.append(label(x(0), top + 9, `${name}: ${text}`, "start", `axis-name name-${side}`));
  let path = "";
  const marks = shown.map(({ birth, death, position }, i) => {
    const y = top + 18 + (i + 0.5) * pitch;
    const [from, to] = [x(Math.min(birth, limit)), x(Math.min(death ?? limit, limit))];
    path += `M${from.toFixed(1)} ${y.toFixed(1)}H${Math.max(to, from + 1).toFixed(1)}`;
    const box = { x: from - RING, y: y - pitch / 2 - 1, width: to - from + 2 * RING, height: pitch + 2 };
    const about = { lines: featureLines(name, birth, death), bar: { layer: name, position }, box };
    return { x: (from + to) / 2, y, half: (to - from) / 2, about };
  });
  chart.append(shape("path", { class: `bars bars-${side}`, d: path, "stroke-width": Math.max(pitch * 0.62, 1).toFixed(1) }));
  return spreadMarks(marks);
}

/** A bar can be pointed at along its length. */
function spreadMarks(marks) {
  return marks.flatMap(({ x, y, half, about }) => {
    const places = Math.max(1, Math.ceil(half / 10));
    return Array.from({ length: 2 * places + 1 }, (_, i) => ({ x: x + ((i - places) / places) * half, y, ...about }));
  });
}

function length({ birth, death }) {
  return death === null ? Infinity : death - birth;
}
