/** Plots as files: canvases as PNG, drawings as SVG or PNG, a step's record as JSON. */

const PIXELS_PER_POINT = 2;
const STYLED = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
  "stroke-linejoin", "font-family", "font-size", "font-weight", "opacity", "text-anchor", "paint-order",
];

/**
 * Save plots side by side in one file.
 * @param {(SVGElement|HTMLCanvasElement)[]} plots
 * @param {string} name Without ending.
 * @param {"png"|"svg"} kind
 */
export async function savePlots(plots, name, kind) {
  const drawn = plots.filter((plot) => plot.isConnected && plot.clientWidth > 0);
  if (drawn.length === 0) return;
  if (kind === "svg") save(`${name}.svg`, new Blob([svgText(drawn)], { type: "image/svg+xml" }));
  else save(`${name}.png`, await pngBlob(drawn));
}

/** Save a record. */
export function saveJson(payload, name) {
  save(`${name}.json`, new Blob([JSON.stringify(payload)], { type: "application/json" }));
}

/** A file name from names that may hold anything. */
export function fileName(...parts) {
  return ["topology", ...parts].map((part) => String(part).replace(/[^\w.-]+/g, "_")).join("-");
}

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function pngBlob(plots) {
  const widths = plots.map((plot) => plot.clientWidth);
  const canvas = document.createElement("canvas");
  canvas.width = PIXELS_PER_POINT * widths.reduce((a, b) => a + b, 0);
  canvas.height = PIXELS_PER_POINT * Math.max(...plots.map((plot) => plot.clientHeight));
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.body).getPropertyValue("--card");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  let left = 0;
  for (const [i, plot] of plots.entries()) {
    const picture = plot instanceof HTMLCanvasElement ? plot : await pictureOf(plot);
    pen.drawImage(picture, left, 0, PIXELS_PER_POINT * widths[i], PIXELS_PER_POINT * plot.clientHeight);
    left += PIXELS_PER_POINT * widths[i];
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function pictureOf(drawing) {
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText([drawing]))}`;
  await picture.decode();
  return picture;
}

/** Drawings as one SVG that needs no style sheet. */
function svgText(drawings) {
  const outer = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const height = Math.max(...drawings.map((drawing) => drawing.clientHeight));
  let left = 0;
  for (const drawing of drawings) {
    const copy = drawing.cloneNode(true);
    const originals = [drawing, ...drawing.querySelectorAll("*")];
    [copy, ...copy.querySelectorAll("*")].forEach((node, i) => takeStyle(node, originals[i]));
    copy.setAttribute("x", left);
    copy.setAttribute("width", drawing.clientWidth);
    copy.setAttribute("height", drawing.clientHeight);
    left += drawing.clientWidth;
    outer.append(copy);
  }
  outer.setAttribute("width", left);
  outer.setAttribute("height", height);
  return new XMLSerializer().serializeToString(outer);
}

function takeStyle(node, original) {
  const style = getComputedStyle(original);
  for (const property of STYLED) node.style.setProperty(property, style.getPropertyValue(property));
  node.removeAttribute("class");
  node.removeAttribute("tabindex");
}
