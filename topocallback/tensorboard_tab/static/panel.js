/** A card: title, help, tools, a way to save what it shows, and room for one plot, or two side by side. */
import { element, iconButton } from "./dom.js";
import { fileName, savePlots } from "./export.js";
import { readableStep } from "./numbers.js";
import { shownSides } from "./selection.js";

const SAVE_ICON = "M8 2v8m-3.5-3L8 10.5 11.500 7M2.500 13.500h11";

/**
 * @param {Object} context The store, session, library and tooltip that all panels share.
 * @param {{id: string, title: string, help: string[], kinds: string[]}} about `kinds`: the file types it can be saved as.
 */
export function createPanel(context, { id, title, help, kinds }) {
  const heading = element("h2", { id: `${id}-title`, tabindex: -1 }, title);
  const tools = element("div", { class: "tools" });
  const body = element("div", { class: "panel-body" });
  const node = element(
    "section",
    { class: `panel panel-${id}`, "aria-labelledby": `${id}-title` },
    element("header", {}, heading, helpButton(title, help), tools, saveButtons(context, id, body, kinds)),
    body,
  );
  context.store.subscribe(["evidence"], ({ evidence }) => node.classList.toggle("evidence", evidence?.panel === id));
  return { node, tools, body, heading };
}

/**
 * Scroll as little as shows a panel.
 * @param {string} id
 * @param {{focus: boolean}} options Whether the keyboard goes there too.
 */
export function revealPanel(id, { focus = false } = {}) {
  const heading = document.getElementById(`${id}-title`);
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  heading.closest(".panel").scrollIntoView({ block: "nearest", behavior });
  if (focus) heading.focus({ preventScroll: true });
}

/** A question mark that opens a few sentences. */
function helpButton(title, help) {
  const text = element("div", { class: "help-text", role: "note", hidden: true }, ...help.map((line) => element("p", {}, line)));
  const button = element("button", {
    type: "button",
    class: "help-button",
    "aria-label": `What does "${title}" show?`,
    "aria-expanded": "false",
  }, "?");
  const open = (yes) => {
    text.hidden = !yes;
    button.setAttribute("aria-expanded", String(yes));
  };
  button.addEventListener("click", () => open(text.hidden));
  button.addEventListener("keydown", (event) => event.key === "Escape" && open(false));
  document.addEventListener("pointerdown", (event) => node.contains(event.target) || open(false));
  const node = element("span", { class: "help" }, button, text);
  return node;
}

function saveButtons({ store }, id, body, kinds) {
  if (kinds.length === 0) return null;
  const save = (kind) => {
    const { run, step } = store.state;
    savePlots([...body.querySelectorAll(".plot")], fileName(id, run, `step${step}`), kind);
  };
  const buttons = kinds.map((kind) => {
    const button = iconButton(`Save as ${kind.toUpperCase()}`, SAVE_ICON, () => save(kind), "save");
    button.append(element("span", {}, kind.toUpperCase()));
    return button;
  });
  return element("div", { class: "saves", role: "group", "aria-label": "Save this plot" }, ...buttons);
}

/**
 * Keep one slot per shown side in a panel's body. A slot is what `makeSlot(side)` gives: a node and `update(record)`,
 * called with a record that has a payload. Without one the slot says why.
 */
export function createSides({ store }, body, makeSlot) {
  const slots = new Map();
  const frame = element("div", { class: "sides" });
  body.append(frame);

  function slotOf(side) {
    if (!slots.has(side)) {
      const slot = makeSlot(side);
      const caption = element("div", { class: `side-name side-${side}` });
      const message = element("div", { class: "empty" });
      slots.set(side, { ...slot, caption, message, frame: element("div", { class: "side" }, caption, slot.node, message) });
    }
    return slots.get(side);
  }

  function update() {
    const { state } = store;
    const sides = shownSides(state);
    placeNodes(frame, sides.map((side) => slotOf(side).frame));
    for (const side of sides) {
      const slot = slotOf(side);
      const record = state.view[side];
      slot.caption.hidden = sides.length === 1;
      slot.caption.textContent = captionOf(record);
      const problem = emptyReason(record);
      show(slot, problem);
      if (problem === null) show(slot, slot.update(record, side) ?? null);
    }
  }

  function show(slot, problem) {
    slot.node.hidden = problem !== null;
    slot.message.hidden = problem === null;
    slot.message.textContent = problem ?? "";
  }

  const observer = new ResizeObserver(onWidth(update));
  observer.observe(frame);
  return { update, slotOf };
}

/** Only a change of width asks for a new drawing: plots set their own height. */
function onWidth(update) {
  let width = null;
  return ([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (width !== null && now !== width) update();
    width = now;
  };
}

/** Children that are in place already stay there, with their focus. */
function placeNodes(parent, nodes) {
  const same = parent.children.length === nodes.length && nodes.every((node, i) => parent.children[i] === node);
  if (!same) parent.replaceChildren(...nodes);
}

function captionOf(record) {
  if (!record) return "";
  return record.step === null ? record.run : `${record.run} · step ${readableStep(record.step)}`;
}

/** Why there is nothing to draw, or null. */
export function emptyReason(record) {
  if (!record) return "Loading…";
  if (record.problem) return record.problem;
  return record.payload ? null : "This run has no step yet at this point of the slider.";
}
