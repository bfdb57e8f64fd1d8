/**
 * The Topology tab, and the same page as a report. `render` puts the page together: a source of records, the state, what
 * happens over time, and the panels that show it.
 */
import { element, shape } from "./dom.js";
import { createFindingsPanel } from "./findings.js";
import { createHeader } from "./header.js";
import { createHeatmapPanel } from "./heatmap.js";
import { createLibrary } from "./library.js";
import { createMapperPanel } from "./mapper.js";
import { createPairPanel } from "./pair.js";
import { createRecorded } from "./recorded.js";
import { initialState } from "./selection.js";
import { createSeriesPanel } from "./series.js";
import { createSession } from "./session.js";
import { chooseSource } from "./source.js";
import { createSprites } from "./sprites.js";
import { createStore } from "./store.js";
import { followTheme, loadStyles } from "./theme.js";
import { createTooltip } from "./tooltip.js";

const EXAMPLE = "Trainer(callbacks=[TopologyMonitor()])";

/** Draw the page into this document's body. TensorBoard calls it; the report calls it itself. */
export async function render() {
  await loadStyles();
  const store = createStore(initialState());
  const theme = followTheme(store);
  const source = chooseSource();
  const library = createLibrary(source);
  const context = { store, library, session: createSession(store, source, library) };
  context.tooltip = createTooltip();
  context.sprites = createSprites(store, source);

  const findings = createFindingsPanel(context);
  const panels = [createHeatmapPanel, createPairPanel, createSeriesPanel, createMapperPanel].map((create) => create(context));
  const grid = element("div", { class: "panels" }, ...panels.map((panel) => panel.node));
  const page = element("main", { class: "page" }, findings.node, grid);
  const welcome = createWelcome(source.live);
  const heading = element("h1", { class: "unseen" }, "Topology of the layers");
  document.body.append(heading, createHeader(context, theme).node, welcome, page, createRecorded(store).node);

  store.subscribe(["started", "runs", "listings", "other", "run"], (state) => {
    const nothing = state.started && (state.listings.get(state.run)?.steps ?? []).length === 0;
    welcome.hidden = !nothing;
    page.hidden = nothing;
    page.classList.toggle("comparing", state.other !== null);
  });
  // Subscribed last: by then every panel has drawn what this says is ready.
  store.subscribe(["view"], ({ view }) => {
    for (const [side, key] of [["first", "ready"], ["second", "readySecond"]]) {
      if (view[side]) document.body.dataset[key] = `${view[side].run}@${view[side].step}`;
      else delete document.body.dataset[key];
    }
  });
  context.session.start();
}

/** What is shown before the first step. */
function createWelcome(live) {
  const drawing = shape(
    "svg",
    { viewBox: "0 0 120 60", "aria-hidden": "true" },
    shape("path", { d: "M20 40L48 18 76 42 102 20M48 18L76 42" }),
    ...[[20, 40, 7], [48, 18, 10], [76, 42, 8], [102, 20, 6]].map(([cx, cy, r]) => shape("circle", { cx, cy, r })),
  );
  return element(
    "section",
    { class: "welcome", hidden: true },
    drawing,
    element("h2", {}, "No topology yet"),
    element("p", {}, "Steps show up here after the first validation of a training with a TopologyMonitor:"),
    element("pre", {}, element("code", {}, EXAMPLE)),
    live ? element("p", { class: "quiet" }, "This page looks for new steps by itself.") : null,
  );
}
