/** The inputs that make the chosen bar of a diagram, and those that end it. */
import { lifeOf, simplicesOf, storyOf } from "./bars.js";
import { classColours } from "./colours.js";
import { element, iconButton } from "./dom.js";
import { layerChip } from "./layer_chip.js";
import { thumbnailOf } from "./thumbnails.js";

const CLOSE = "M4 4l8 8M12 4l-8 8";

export function createBarDetail({ store, sprites }, side) {
  const title = element("h3", {});
  const close = iconButton("Hide the inputs of the bar", CLOSE, () => store.set({ bar: null }));
  const story = element("div", { class: "story" });
  const hint = element("p", { class: "note" }, "Click a mark, or choose one with the arrow keys, to see the inputs that make and end it.");
  const content = element("div", {}, element("header", {}, title, close), story);
  const node = element("div", { class: "detail bar-detail", "aria-live": "polite" }, hint, content);
  let shownFor = "";

  /**
   * @param {{run: string, payload: Object}} record
   * @param {string[]} layers Those whose bars are drawn.
   * @returns {?Object} The chosen bar, if it is among what is drawn.
   */
  function update(record, layers) {
    const { dim, plot } = store.state;
    const leadsSomewhere = plot !== "betti" && layers.some((layer) => simplicesOf(record.payload, layer, dim) !== null);
    const bar = leadsSomewhere ? chosenBar(store.state, side, record, layers) : null;
    node.hidden = !leadsSomewhere;
    hint.hidden = bar !== null;
    content.hidden = bar === null;
    if (bar === null) shownFor = "";
    else fill(record, bar, layers.indexOf(bar.layer));
    return bar;
  }

  /** Thumbnails where there is a sprite, the samples' indices alone where there is none. */
  async function fill({ run, payload }, bar, at) {
    const identity = JSON.stringify([bar, at]);
    if (identity === shownFor) return;
    shownFor = identity;
    title.replaceChildren(layerChip(bar.layer, payload.layers, at), lifeOf(payload, bar));
    const sprite = await sprites.of(run);
    if (identity !== shownFor) return;
    const colours = classColours(payload.classes, payload.labels);
    story.replaceChildren(...storyOf(payload, bar).map((sentence) => paragraph(sprite, payload, sentence, colours)));
  }

  return { node, update };
}

/** Bars have no counterpart at other steps: the chosen one is shown again where its own step is. */
function chosenBar({ bar, dim }, side, { run, payload }, layers) {
  const isShown = bar?.side === side && bar.run === run && bar.step === payload.step && bar.dim === dim;
  return isShown && layers.includes(bar.layer) ? bar : null;
}

/** A layer can have several points of one input, which is shown once. */
function paragraph(sprite, payload, { text, inputs }, colours) {
  const once = [...new Set(inputs)];
  const more = once.length < inputs.length ? " (Points of one input.)" : "";
  const pictures = once.map((input) => thumbnailOf(sprite, payload, input, colours, true));
  return element(
    "div",
    { class: "sentence" },
    element("p", {}, text + more),
    once.length > 0 ? element("ul", { class: `thumbnails${sprite === null ? " without-pictures" : ""}` }, ...pictures) : null,
  );
}
