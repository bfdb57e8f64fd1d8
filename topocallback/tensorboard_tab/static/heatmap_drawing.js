/**
 * The layer-by-layer matrix on a canvas: as SVG, 10,000 cells took 0.4 s per step.
 */
import { inkOn, pageColours, viridis } from "./colours.js";
import { shortLayerNames } from "./names.js";
import { isNotToldApart } from "./noise.js";
import { readableNumber, shortNumber } from "./numbers.js";

const FONT = "Inter, system-ui, sans-serif";
const LARGEST_SIDE = 560;
const LARGEST_CELL = 76;
const SMALLEST_CELL_WITH_NUMBER = 29;
const SMALLEST_CELL_WITH_NAME = 9;
const LEGEND_HEIGHT = 62;
const HATCH_GAP = 6;
const KEYS_WIDTH = 190;
const KEY_SHARE = 0.3;

/**
 * @typedef {Object} Matrix What is drawn.
 * @property {string[]} layers
 * @property {import("./payload.js").DistanceTable} table
 * @property {number} limit The upper end of the colours.
 * @property {string} title What the colours stand for, with its unit; said above the colour bar.
 * @property {?[number, number]} pair The chosen cell.
 * @property {?[number, number]} cursor The cell under the mouse or the keyboard's cursor.
 * @property {?number} highlight A layer that another plot points at.
 */

/** Where things are, in CSS pixels. */
export function heatmapLayout(layers, width) {
  const names = shortLayerNames(layers, layers.length > 40 ? 14 : 24);
  const longest = Math.max(...names.map((name) => textWidth(name, 11)));
  const left = Math.ceil(longest) + 12;
  const room = Math.max(Math.min(width - left - 14, LARGEST_SIDE), 60);
  const cell = Math.min(room / layers.length, LARGEST_CELL);
  const slanted = cell >= 17;
  const below = Math.ceil(slanted ? longest * 0.72 + 16 : longest + 12);
  const side = cell * layers.length;
  return { names, left, top: 4, cell, side, slanted, width, height: 4 + side + below + LEGEND_HEIGHT, below };
}

let measuringPen = null;

function textWidth(text, size) {
  measuringPen ??= document.createElement("canvas").getContext("2d");
  measuringPen.font = `${size}px ${FONT}`;
  return measuringPen.measureText(text).width;
}

/**
 * Draw everything.
 * @param {HTMLCanvasElement} canvas
 * @param {Matrix} matrix
 * @param {ReturnType<typeof heatmapLayout>} layout
 */
export function drawHeatmap(canvas, matrix, layout) {
  const pen = sizedPen(canvas, layout);
  const colours = pageColours();
  drawCells(pen, matrix, layout, colours);
  drawNames(pen, matrix, layout, colours);
  drawMarks(pen, matrix, layout, colours);
  drawLegend(pen, matrix, layout, colours);
}

function sizedPen(canvas, { width, height }) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
}

function drawCells(pen, matrix, { left, top, cell }, colours) {
  const gap = cell > 12 ? 1 : 0;
  const { matrix: distances, noise, p_values: pValues } = matrix.table;
  matrix.layers.forEach((_, i) => {
    matrix.layers.forEach((__, j) => {
      const value = i === j ? noise[i] : distances[i][j];
      const x = left + j * cell;
      const y = top + i * cell;
      if (value === null || value === undefined) return drawMissing(pen, x, y, cell, colours);
      const share = value / matrix.limit;
      pen.fillStyle = viridis(share);
      if (i === j) drawDisc(pen, x + cell / 2, y + cell / 2, cell * 0.42);
      else pen.fillRect(x, y, cell - gap, cell - gap);
      const isHatched = i !== j && isNotToldApart(pValues[i][j]);
      if (isHatched) hatch(pen, x, y, cell - gap, share);
      if (cell >= SMALLEST_CELL_WITH_NUMBER) drawNumber(pen, x, y, cell, value, share, isHatched);
      return undefined;
    });
  });
}

/** The diagonal is round: it is not a distance between layers but a layer's own noise. */
function drawDisc(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function drawMissing(pen, x, y, cell, colours) {
  pen.strokeStyle = colours.line;
  pen.lineWidth = 1;
  pen.strokeRect(x + 1.5, y + 1.5, cell - 4, cell - 4);
}

function hatch(pen, x, y, side, share) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, side, side);
  pen.clip();
  pen.beginPath();
  for (let shift = HATCH_GAP / 2; shift < 2 * side; shift += HATCH_GAP) {
    pen.moveTo(x + shift - side, y + side);
    pen.lineTo(x + shift, y);
  }
  pen.strokeStyle = inkOn(share);
  pen.globalAlpha = 0.5;
  pen.lineWidth = 1;
  pen.stroke();
  pen.restore();
}

/** A number on a clear ground: across hatching it could not be read. */
function drawNumber(pen, x, y, cell, value, share, isHatched) {
  const size = cell > 40 ? 11 : 10;
  const text = shortNumber(value);
  pen.font = `${size}px ${FONT}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  if (isHatched) {
    const width = pen.measureText(text).width + 4;
    pen.fillStyle = viridis(share);
    pen.fillRect(x + (cell - width) / 2, y + (cell - size) / 2 - 1, width, size + 2);
  }
  pen.fillStyle = inkOn(share);
  pen.fillText(text, x + cell / 2, y + cell / 2 + 0.5);
}

function drawNames(pen, matrix, layout, colours) {
  const { names, left, top, cell, side, slanted } = layout;
  const every = Math.ceil(SMALLEST_CELL_WITH_NAME / cell);
  const row = matrix.cursor?.[0] ?? matrix.pair?.[0];
  const column = matrix.cursor?.[1] ?? matrix.pair?.[1];
  const size = Math.min(11, Math.max(8, cell * every));
  pen.textBaseline = "middle";
  names.forEach((name, i) => {
    if (i % every && i !== row && i !== column) return;
    const middle = (i + 0.5) * cell;
    style(i === row, colours.first);
    pen.textAlign = "right";
    pen.fillText(name, left - 6, top + middle);
    style(i === column, colours.second);
    pen.save();
    pen.translate(left + middle + (slanted ? 3 : 0), top + side + 7);
    pen.rotate(slanted ? -Math.PI / 4 : -Math.PI / 2);
    pen.fillText(name, 0, 0);
    pen.restore();
  });

  function style(chosen, colour) {
    pen.font = `${chosen ? "600 " : ""}${size}px ${FONT}`;
    pen.fillStyle = chosen ? colour : colours.quiet;
  }
}

function drawMarks(pen, matrix, { left, top, cell, side }, colours) {
  if (matrix.highlight !== null) {
    const at = matrix.highlight * cell;
    pen.fillStyle = colours.card;
    pen.globalAlpha = 0.72;
    for (const [from, to] of [[0, at], [at + cell, side]]) {
      pen.fillRect(left + from, top, to - from, at);
      pen.fillRect(left + from, top + at + cell, to - from, side - at - cell);
    }
    pen.globalAlpha = 1;
  }
  if (matrix.cursor) outline(matrix.cursor, 1.5);
  if (matrix.pair) {
    outline(matrix.pair, 2.5);
    if (matrix.pair[0] !== matrix.pair[1]) outline([matrix.pair[1], matrix.pair[0]], 1);
  }

  function outline([i, j], thickness) {
    pen.lineWidth = thickness + 2;
    pen.strokeStyle = colours.card;
    pen.strokeRect(left + j * cell - 0.5, top + i * cell - 0.5, cell, cell);
    pen.lineWidth = thickness;
    pen.strokeStyle = colours.ink;
    pen.strokeRect(left + j * cell - 0.5, top + i * cell - 0.5, cell, cell);
  }
}

/** The colour bar, and what round and hatched cells mean. */
function drawLegend(pen, matrix, { left, side, height, width }, colours) {
  const top = height - LEGEND_HEIGHT + 18;
  const barWidth = Math.max(Math.min(side, 220), 110);
  const start = Math.max(Math.min(left, width - barWidth - KEYS_WIDTH), 8);
  for (let x = 0; x < barWidth; x += 1) {
    pen.fillStyle = viridis(x / barWidth);
    pen.fillRect(start + x, top, 1.5, 9);
  }
  pen.font = `10px ${FONT}`;
  pen.textBaseline = "alphabetic";
  pen.fillStyle = colours.quiet;
  for (const [share, align] of [[0, "left"], [0.5, "center"], [1, "right"]]) {
    pen.textAlign = align;
    pen.fillText(readableNumber(share * matrix.limit), start + share * barWidth, top + 22);
  }
  pen.textAlign = "left";
  pen.fillText(fitted(pen, matrix.title, width - start - 8), start, top - 6);
  drawKeys(pen, matrix, start + barWidth + 18, top, colours);
}

/** What round and hatched cells mean, as far as there can be any. */
function drawKeys(pen, matrix, left, top, colours) {
  const isKnown = (value) => value !== null;
  const isTested = matrix.table.p_values.some((row, i) => row.some((p, j) => i !== j && isKnown(p)));
  const keys = [];
  if (matrix.table.noise.some(isKnown)) keys.push(["the layer’s own noise", (y) => drawDisc(pen, left + 6, y + 6, 5.5)]);
  if (isTested) keys.push(["not told apart at 5 % per cell", (y) => drawHatchedCell(y)]);
  keys.forEach(([text, draw], row) => {
    const y = top - 2.5 + 16.5 * row;
    pen.fillStyle = viridis(KEY_SHARE);
    draw(y);
    pen.fillStyle = colours.quiet;
    pen.fillText(text, left + 18, y + 10);
  });

  function drawHatchedCell(y) {
    pen.fillRect(left, y, 12, 12);
    hatch(pen, left, y, 12, KEY_SHARE);
  }
}

/** A text that is cut where there is no more room. */
function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 0 && pen.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length)}…`;
}
