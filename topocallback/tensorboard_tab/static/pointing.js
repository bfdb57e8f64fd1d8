/** Pointing at what a chart has drawn: with the mouse, or with the arrow keys. */
import { nearestMark } from "./axes.js";
import { shape } from "./dom.js";

const HOVER_PIXELS = 14;
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/**
 * @typedef {Object} Mark
 * @property {number} x
 * @property {number} y
 * @property {string[]} lines What is said of it.
 * @property {?{layer: string, position: number}} bar What it stands for, if that can be chosen.
 * @property {?{x: number, y: number, width: number, height: number}} box What surrounds the whole of it.
 */

/**
 * @param {SVGElement} chart
 * @param {Object} tooltip
 * @param {function({layer: string, position: number}|null)} choose
 * @returns {{update: function(Mark[], ?Object)}} To be called when the chart is drawn, with the chosen bar.
 */
export function createPointing(chart, tooltip, choose) {
  const rings = shape("g", { class: "rings" });
  let marks = [];
  let stops = [];
  let chosen = null;
  let cursor = null;

  /** One mark of every bar that can be chosen, in the order in which they are drawn, is where the arrow keys stop. */
  function update(drawn, bar) {
    const before = cursor === null ? null : stops[cursor].bar;
    marks = drawn;
    stops = drawn.filter((mark, i) => mark.bar && !isSame(mark.bar, drawn[i - 1]?.bar));
    chosen = bar;
    const at = stops.findIndex((mark) => isSame(mark.bar, before));
    cursor = at < 0 ? null : at;
    if (stops.length > 0) chart.append(rings);
    ring();
  }

  function ring() {
    const at = stops.find((mark) => isSame(mark.bar, chosen));
    const rounded = ({ x, y, width, height }, name) => {
      return shape("rect", { class: `ring ${name}`, x, y, width, height, rx: Math.min(7, height / 2) });
    };
    rings.replaceChildren(
      ...(at ? [rounded(at.box, "chosen")] : []),
      ...(cursor === null ? [] : [rounded(stops[cursor].box, "cursor")]),
    );
  }

  function markUnder(event) {
    const frame = chart.getBoundingClientRect();
    return nearestMark(marks, event.clientX - frame.left, event.clientY - frame.top, HOVER_PIXELS);
  }

  function moveBy(places) {
    const at = cursor ?? stops.findIndex((mark) => isSame(mark.bar, chosen));
    cursor = at < 0 ? 0 : (at + places + stops.length) % stops.length;
    ring();
    const { x, y, width, height } = stops[cursor].box;
    const frame = chart.getBoundingClientRect();
    tooltip.show({ clientX: frame.left + x + width / 2, clientY: frame.top + y + height / 2 }, stops[cursor].lines);
    tooltip.say(stops[cursor].lines.join(", "));
  }

  chart.addEventListener("pointermove", (event) => {
    const mark = markUnder(event);
    chart.classList.toggle("can-choose", Boolean(mark?.bar));
    if (mark) tooltip.show(event, mark.lines);
    else tooltip.hide();
  });
  chart.addEventListener("pointerleave", () => tooltip.hide());
  chart.addEventListener("click", (event) => {
    const mark = markUnder(event);
    if (mark?.bar) choose(mark.bar);
  });
  chart.addEventListener("keydown", (event) => {
    if (stops.length === 0) return;
    if (event.key in STEPS) moveBy(STEPS[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && cursor !== null) choose(stops[cursor].bar);
    else if (event.key === "Escape" && chosen !== null) choose(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  chart.addEventListener("blur", () => {
    tooltip.hide();
    cursor = null;
    ring();
  });

  return { update };
}

function isSame(bar, other) {
  return Boolean(bar && other) && bar.layer === other.layer && bar.position === other.position;
}
