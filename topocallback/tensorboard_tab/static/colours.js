/**
 * Colours that colour-blind people can tell apart: viridis for amounts, Okabe and Ito's blue and vermilion for the two
 * layers of a pair, Tol's muted scheme for classes.
 */

const VIRIDIS = [
  "440154", "481567", "482677", "453781", "404788", "39568c", "33638d", "2d708e", "287d8e", "238a8d",
  "1f968b", "20a387", "29af7f", "3cbb75", "55c667", "73d055", "95d840", "b8de29", "dce319", "fde725",
].map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));

const CLASSES = [
  "#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499", "#6699cc",
];
const OTHER_CLASS = "#a3a9b3";

/** The colour of a share in [0, 1], as `rgb(...)`. */
export function viridis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const mixed = VIRIDIS[below].map((low, i) => Math.round(low + (VIRIDIS[below + 1][i] - low) * (place - below)));
  return `rgb(${mixed.join(",")})`;
}

/** A colour for text on top of `viridis(share)`. */
export function inkOn(share) {
  return share > 0.6 ? "rgba(0,0,0,.82)" : "rgba(255,255,255,.92)";
}

/** A layer's colour by its depth; the ends that would vanish on the background are left out. */
export function depthColour(position, count, dark) {
  const depth = count > 1 ? position / (count - 1) : 0.5;
  return viridis(dark ? 0.3 + 0.7 * depth : 0.85 * depth);
}

/**
 * A colour per class: the most frequent ten have their own, the others share grey.
 * @param {string[]} classes
 * @param {?number[]} labels
 * @returns {string[]} One colour per class.
 */
export function classColours(classes, labels) {
  const counts = classes.map(() => 0);
  for (const label of labels ?? []) counts[label] += 1;
  const order = classes.map((_, i) => i);
  if (classes.length > CLASSES.length) order.sort((a, b) => counts[b] - counts[a] || a - b);
  const colours = classes.map(() => OTHER_CLASS);
  order.slice(0, CLASSES.length).forEach((number, rank) => {
    colours[number] = CLASSES[rank];
  });
  return colours;
}

/** The colour of samples without a class of their own colour. */
export function otherColour() {
  return OTHER_CLASS;
}

/** The colours that a canvas needs, as the page's style sheet says them. */
export function pageColours() {
  const style = getComputedStyle(document.body);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(["card", "ink", "quiet", "line", "first", "second"].map((name) => [name, read(name)]));
}
