/** The samples that a finding names, each with the samples that the layer places next to it. */
import { classColours } from "./colours.js";
import { element, icon } from "./dom.js";
import { readableStep } from "./numbers.js";
import { picture, thumbnail } from "./thumbnails.js";

const FIRST = 6;
const OPENS = "M6 4l4 4-4 4";

/**
 * @param {{run: string, payload: import("./payload.js").Payload}} record
 * @param {import("./payload_findings.js").SamplesView} view
 */
export function createSuspects({ sprites }, { run, payload }, { layer, samples, n_samples: count }) {
  const title = element("h4", {}, `${countText(samples.length, count)} in ${layer}`);
  const list = element("ul", { class: "suspects" });
  const more = element("button", { type: "button", class: "more", on: { click: showAll } }, `Show all ${samples.length}`);
  more.hidden = samples.length <= FIRST;
  const classOf = classLookup(payload);
  const filled = fill(samples.slice(0, FIRST));

  async function fill(some) {
    const sprite = await sprites.of(run);
    const entries = some.map((suspect) => createSuspect(sprite, suspect, classOf));
    list.append(...entries);
    return entries;
  }

  async function showAll() {
    more.hidden = true;
    await filled;
    const [next] = await fill(samples.slice(FIRST));
    next.querySelector("button").focus();
  }

  return element("section", {}, title, list, more);
}

/** "20 of 1,304 samples": a list may be cut. */
export function countText(shown, count) {
  const all = `${readableStep(count)} sample${count === 1 ? "" : "s"}`;
  return shown < count ? `${readableStep(shown)} of ${all}` : all;
}

/** The class of each sample and its colour, by the sample's index in the data set; null where it is not known. */
function classLookup({ sample_ids: ids, labels, classes }) {
  const colours = classColours(classes, labels);
  const places = new Map(ids.map((sample, place) => [sample, place]));
  return (sample) => {
    const number = labels?.[places.get(sample)] ?? null;
    return number === null ? { label: null, colour: null } : { label: classes[number] ?? null, colour: colours[number] };
  };
}

function createSuspect(sprite, { id, label, neighbours, note }, classOf) {
  const own = classOf(id);
  const labelled = label ?? own.label;
  const name = labelled === null ? `Sample ${id}` : `Sample ${id}, label ${labelled}`;
  const around = element("div", { class: "neighbours", hidden: true });
  const button = element(
    "button",
    { type: "button", class: "suspect", style: { "--class-colour": own.colour ?? "var(--line)" } },
    picture(sprite, id, name),
    element("span", { class: "suspect-text" }, element("span", {}, name), element("span", { class: "quiet" }, note)),
  );
  const entry = element("li", {}, button, around);
  if (neighbours.length === 0) {
    button.disabled = true;
    return entry;
  }
  button.append(icon(OPENS));

  function open(yes) {
    if (yes && around.childElementCount === 0) around.append(...neighboursOf(sprite, neighbours, classOf));
    around.hidden = !yes;
    button.setAttribute("aria-expanded", String(yes));
  }
  open(false);
  button.addEventListener("click", () => open(around.hidden));
  entry.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || around.hidden) return;
    event.preventDefault();
    open(false);
  });
  return entry;
}

function neighboursOf(sprite, neighbours, classOf) {
  const entries = neighbours.map((sample) => {
    const about = { sample, ...classOf(sample) };
    return thumbnail(sprite, about, [String(sample), about.label ?? ""]);
  });
  const looks = sprite === null ? "thumbnails without-pictures" : "thumbnails";
  return [
    element("p", { class: "note" }, "Its neighbours, nearest first, with index and label:"),
    element("ul", { class: looks, "aria-label": "Nearest neighbours" }, ...entries),
  ];
}
