/** One input: its picture where the run has a sprite, its index in the data set, the colour of its class. */
import { element } from "./dom.js";

const THUMBNAIL_PIXELS = 44;

/**
 * An entry of a list of inputs.
 * @param {?Object} sprite The run's, or null.
 * @param {import("./payload.js").Payload} payload
 * @param {number} member A position in `sample_ids`.
 * @param {string[]} colours One per class.
 * @param {boolean} named Whether the class is written as well.
 */
export function thumbnail(sprite, payload, member, colours, named = false) {
  const sample = payload.sample_ids[member];
  const label = payload.labels ? payload.labels[member] : null;
  const about = label === null ? `sample ${sample}` : `sample ${sample}, class ${payload.classes[label]}`;
  const caption = element("span", {}, String(sample));
  const name = named && label !== null ? element("span", { class: "class-name" }, className(payload.classes[label])) : null;
  const colour = label === null ? "var(--line)" : colours[label];
  const place = sprite?.places.get(sample);
  const picture = place === undefined ? null : element("span", {
    class: "picture",
    role: "img",
    "aria-label": about,
    style: pictureStyle(sprite, place),
  });
  return element("li", { title: about, style: { "--class-colour": colour } }, picture, caption, name);
}

/** A number alone would be taken for that of an input. */
function className(name) {
  return /^-?\d/.test(name) ? `class ${name}` : name;
}

function pictureStyle({ url, meta }, place) {
  const { columns } = meta;
  const [x, y] = [place % columns, Math.floor(place / columns)].map((tile) => -tile * THUMBNAIL_PIXELS);
  return {
    "background-image": `url("${url}")`,
    "background-size": `${columns * THUMBNAIL_PIXELS}px auto`,
    "background-position": `${x}px ${y}px`,
  };
}
