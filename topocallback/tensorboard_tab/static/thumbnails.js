/** Inputs as small pictures from their run's sprite, or as their indices alone where it has none. */
import { element } from "./dom.js";

const PIXELS = 44;

/**
 * What is shown of one sample.
 * @param {?Object} sprite Of the sample's run, as `sprites.js` gives it.
 * @param {{sample: number, label: ?string, colour: ?string}} about The sample, its class and the class's colour.
 * @param {string[]} lines What stands below the picture: its index, and what else there is to say.
 * @returns {HTMLElement} An entry of a list of thumbnails.
 */
export function thumbnail(sprite, { sample, label, colour }, lines) {
  const title = label === null ? `sample ${sample}` : `sample ${sample}, class ${label}`;
  const captions = lines.map((line, i) => element("span", i > 0 ? { class: "class-name" } : {}, line));
  const style = { "--class-colour": colour ?? "var(--line)" };
  return element("li", { title, style }, picture(sprite, sample, title), ...captions);
}

/**
 * The same of a member of a payload.
 * @param {?Object} sprite Of the payload's run.
 * @param {import("./payload.js").Payload} payload
 * @param {number} member A position in `sample_ids`.
 * @param {string[]} colours One per class.
 * @param {boolean} named Whether the class is written as well.
 */
export function thumbnailOf(sprite, payload, member, colours, named = false) {
  const sample = payload.sample_ids[member];
  const number = payload.labels?.[member] ?? null;
  const label = number === null ? null : payload.classes[number];
  const lines = named && label !== null ? [String(sample), className(label)] : [String(sample)];
  return thumbnail(sprite, { sample, label, colour: colours[number] }, lines);
}

/** A number alone would be taken for that of an input. */
function className(name) {
  return /^-?\d/.test(name) ? `class ${name}` : name;
}

/** The picture of a sample, null where there is none. */
export function picture(sprite, sample, label) {
  const place = sprite?.places.get(sample);
  if (place === undefined) return null;
  return element("span", { class: "picture", role: "img", "aria-label": label, style: pictureStyle(sprite, place) });
}

function pictureStyle({ url, meta }, place) {
  const { columns } = meta;
  const [x, y] = [place % columns, Math.floor(place / columns)].map((tile) => -tile * PIXELS);
  return {
    "background-image": `url("${url}")`,
    "background-size": `${columns * PIXELS}px auto`,
    "background-position": `${x}px ${y}px`,
  };
}
