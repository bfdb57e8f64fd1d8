/** The bar on top: which run, which step, beside which other one. */
import { dropDown, element, icon, iconButton } from "./dom.js";
import { fileName, saveJson } from "./export.js";
import { shortNames } from "./names.js";
import { readableStep } from "./numbers.js";
import { entriesOf, unionOfSteps } from "./selection.js";

const LONGEST_RUN = 40;
const PLAY = "M5 3l8 5-8 5Z";
const PAUSE = "M5 3v10M11 3v10";
const BACK = "M10.500 3L5.500 8l5 5";
const FORWARD = "M5.500 3l5 5-5 5";
const THEME = "M8 2a6 6 0 100 12A6 6 0 108 2M8 2v12M8 5l4.500-1M8 8h6M8 11l4.500 1";
const FILE = "M8 2v8m-3.500-3L8 10.500 11.500 7M2.500 13.500h11";

export function createHeader(context, theme) {
  const { store, session } = context;
  const run = dropDown("Run", (choice) => session.chooseRun(choice), { visible: true, className: "run" });
  const play = iconButton("Play", PLAY, () => session.play(), "play");
  const slider = stepSlider("Step", (step) => session.chooseStep(step));
  const status = element("output", { class: "step-status" });
  const compare = element("button", { type: "button", class: "text-button", on: { click: () => toggleCompare(context) } }, "Compare");
  const json = iconButton("Save this step’s data as JSON", FILE, () => saveStep(store.state), "save");
  json.append(element("span", {}, "JSON"));
  const bar = element(
    "div",
    { class: "bar" },
    run.node,
    element(
      "div",
      { class: "transport", role: "group", "aria-label": "Steps" },
      iconButton("Previous step", BACK, () => session.move(-1)),
      play,
      iconButton("Next step", FORWARD, () => session.move(1)),
    ),
    slider.node,
    status,
    compare,
    json,
    iconButton("Light or dark", THEME, () => theme.toggle(), "theme"),
  );
  const second = createSecondBar(context);
  const notice = element("p", { class: "notice", role: "status", hidden: true });
  const node = element("header", { class: "top" }, bar, second.node, notice);

  function update(state) {
    run.fill(namedRuns(state.runs), state.run);
    slider.fill(unionOfSteps(state), state.step);
    const { first } = state.view;
    status.replaceChildren(...statusOf(first ?? null));
    compare.setAttribute("aria-pressed", String(state.other !== null));
    play.setAttribute("aria-label", state.playing ? "Pause" : "Play");
    play.title = state.playing ? "Pause (space)" : "Play (space)";
    play.replaceChildren(icon(state.playing ? PAUSE : PLAY));
    notice.hidden = state.notice === null;
    notice.textContent = state.notice ?? "";
    node.classList.toggle("loading", state.loading);
    second.update(state);
  }

  store.subscribe(["runs", "listings", "run", "step", "other", "playing", "view", "notice", "loading"], update);
  document.addEventListener("keydown", (event) => onKey(event, session));
  return { node };
}

/** A slider over a list of steps, which need not be evenly spaced. */
function stepSlider(label, onStep) {
  let steps = [];
  const range = element("input", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": label,
    on: { input: () => onStep(steps[Number(range.value)]) },
  });
  const node = element("div", { class: "slider" }, range);
  const fill = (newSteps, step) => {
    steps = newSteps;
    const at = Math.max(steps.indexOf(step), 0);
    range.max = Math.max(steps.length - 1, 0);
    range.value = at;
    range.disabled = steps.length < 2;
    range.setAttribute("aria-valuetext", `step ${readableStep(step)}, ${at + 1} of ${steps.length}`);
    node.style.setProperty("--done", steps.length > 1 ? at / (steps.length - 1) : 0);
  };
  return { node, fill };
}

function statusOf(record) {
  if (!record || record.step === null) return ["no step yet"];
  const parts = [element("strong", {}, `Step ${readableStep(record.step)}`)];
  if (record.payload) parts.push(` · epoch ${record.payload.epoch}`);
  return parts;
}

/** The row of the second side, shown while comparing. */
function createSecondBar({ store, session }) {
  const run = dropDown("Beside", (choice) => session.compareWith({ ...store.state.other, run: choice }), {
    visible: true,
    className: "run",
  });
  const linked = element("input", { type: "checkbox", on: { change: () => link(linked.checked) } });
  const slider = stepSlider("Step of the second side", (step) => session.compareWith({ ...store.state.other, step }));
  const status = element("output", { class: "step-status" });
  const node = element(
    "div",
    { class: "bar bar-second", hidden: true },
    run.node,
    element("label", { class: "checkbox" }, linked, "same step"),
    slider.node,
    status,
  );

  function link(yes) {
    const { other, view } = store.state;
    session.compareWith({ ...other, step: yes ? null : (view.second?.step ?? store.state.step) });
  }

  function update(state) {
    node.hidden = state.other === null;
    if (state.other === null) return;
    run.fill(namedRuns(state.runs), state.other.run);
    linked.checked = state.other.step === null;
    const steps = entriesOf(state, state.other.run).map((entry) => entry.step);
    slider.fill(steps, state.other.step ?? state.view.second?.step ?? null);
    status.replaceChildren(...statusOf(state.view.second));
  }

  return { node, update };
}

/** Beside the next run at the same step; with a single run, beside its own first step. */
function toggleCompare({ store, session }) {
  const { other, run, runs } = store.state;
  if (other !== null) return session.compareWith(null);
  if (runs.length > 1) return session.compareWith({ run: runs[(runs.indexOf(run) + 1) % runs.length], step: null });
  return session.compareWith({ run, step: entriesOf(store.state, run)[0]?.step ?? null });
}

function saveStep({ view }) {
  const { first } = view;
  if (first?.payload) saveJson(first.payload, fileName(first.run, `step${first.step}`));
}

function namedRuns(runs) {
  const short = shortNames(runs, LONGEST_RUN);
  return runs.map((name, i) => [name, short[i]]);
}

/** Arrows and space work wherever they have no meaning of their own. */
function onKey(event, session) {
  const own = event.target.closest?.("input, select, button, textarea, [role=application], canvas");
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const usesArrows = own?.matches("input, select, textarea, canvas, [role=application]");
  if (event.key === "ArrowLeft" && !usesArrows) session.move(-1);
  else if (event.key === "ArrowRight" && !usesArrows) session.move(1);
  else if (event.key === " " && !own) session.play();
  else return;
  event.preventDefault();
}
