/** A layer's name in the colour that it has in a pair. */
import { element } from "./dom.js";
import { shortLayerName } from "./names.js";

/**
 * @param {string} name
 * @param {string[]} layers All of them: short names stay apart.
 * @param {number} at 0 for the pair's first layer, 1 for its second.
 */
export function layerChip(name, layers, at, most = 30) {
  const side = at === 0 ? "first" : "second";
  return element("span", { class: `layer-chip chip-${side}`, title: name }, shortLayerName(name, layers, most));
}
