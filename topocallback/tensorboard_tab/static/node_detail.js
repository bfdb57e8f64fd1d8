/** The inputs of the chosen Mapper node: class shares, thumbnails from the run's sprite, sample indices. */
import { classColours } from "./colours.js";
import { element, iconButton } from "./dom.js";
import { classShares, counterpart } from "./nodes.js";
import { plural, readableNumber } from "./numbers.js";
import { thumbnailOf } from "./thumbnails.js";

const FIRST_THUMBNAILS = 48;
const CLOSE = "M4 4l8 8M12 4l-8 8";

export function createNodeDetail(context) {
  const { store, sprites } = context;
  const title = element("h3", {});
  const close = iconButton("Close", CLOSE, () => store.set({ node: null }));
  const shares = element("ul", { class: "shares" });
  const grid = element("ul", { class: "thumbnails", "aria-label": "Inputs of the node" });
  const more = element("button", { type: "button", class: "more", on: { click: () => fill(Infinity) } });
  const hint = element("p", { class: "note" }, "Click a node to see its inputs.");
  const content = element("div", { class: "detail-content" }, element("header", {}, title, close), shares, grid, more);
  const node = element("div", { class: "detail", "aria-live": "polite" }, hint, content);
  let current = null;
  let shownFor = "";

  function update(state) {
    current = state.node && findNode(state);
    hint.hidden = state.node !== null;
    content.hidden = state.node === null;
    if (state.node === null) return;
    if (current === null) {
      title.textContent = "This node has no counterpart at this step.";
      [shares, grid].forEach((list) => list.replaceChildren());
      more.hidden = true;
      shownFor = "";
      return;
    }
    const { run, payload, graph, index } = current;
    const purity = payload.labels ? ` · purity ${readableNumber(graph.node_purity[index])}` : "";
    title.textContent = `${plural(graph.sizes[index], "input")}${purity}`;
    const identity = JSON.stringify([run, graph.members[index]]);
    if (identity === shownFor) return;
    shownFor = identity;
    fillShares();
    fill(FIRST_THUMBNAILS);
  }

  function fillShares() {
    const { payload, graph, index } = current;
    const colours = classColours(payload.classes, payload.labels);
    shares.replaceChildren(
      ...classShares(graph, payload, index).map(({ label, share, count }) => {
        const text = `${payload.classes[label]}: ${Math.round(100 * share)} %`;
        const swatch = element("span", { class: "swatch", style: { background: colours[label] } });
        return element("li", { title: plural(count, "input") }, swatch, text);
      }),
    );
  }

  /** Thumbnails where there is a sprite, the samples' indices alone where there is none. */
  async function fill(most) {
    const wanted = current;
    const sprite = await sprites.of(wanted.run);
    if (wanted !== current && shownFor !== JSON.stringify([wanted.run, wanted.graph.members[wanted.index]])) return;
    const { payload, graph, index } = wanted;
    const members = graph.members[index];
    const colours = classColours(payload.classes, payload.labels);
    grid.classList.toggle("without-pictures", sprite === null);
    grid.replaceChildren(...members.slice(0, most).map((member) => thumbnailOf(sprite, payload, member, colours)));
    more.hidden = members.length <= most;
    more.textContent = `and ${members.length - most} more`;
  }

  return { node, update };
}

/** The chosen node, where a person chose it; at another step the node that shares most inputs with it. */
function findNode({ node, view, layer }) {
  const record = view[node.side];
  const at = record?.payload?.layers.indexOf(layer) ?? -1;
  const graph = at < 0 ? null : record.payload.mappers[at];
  if (!graph) return null;
  const index = counterpart(graph, record.payload, node);
  return index === null ? null : { run: record.run, payload: record.payload, graph, index };
}
