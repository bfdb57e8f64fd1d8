/** The panel of what is to be said of the shown step, in sentences: each leads to what it was said from. */
import { element, icon } from "./dom.js";
import { followFinding, leadOf } from "./evidence.js";
import { createFindingDetail } from "./finding_detail.js";
import { plural, readableStep, twoDigits } from "./numbers.js";
import { createPanel, createSides, revealPanel } from "./panel.js";
import { shownSides } from "./selection.js";

const HELP = [
  "Answers to questions about the layers, each as far as the records of this run up to this step bear it out. Alerts come first.",
  "Click one to see what it was said from: the panel that shows it is framed, its layers are chosen there, and the rule and the " +
    "numbers open below the sentence. Escape closes it.",
  "“Wrong in at most 5 % of cases”: where there is nothing to say, chance alone brings about such a sentence in so many cases. " +
    "“A fact” was counted, and is no estimate.",
  "With the keyboard: ↑ and ↓ go from one to the next, Enter opens.",
];
const ALERT = "M8 2.500L14.500 13.500H1.500ZM8 6.500v3.500M8 11.700v.1";
const OPENS = "M6 4l4 4-4 4";

/** Where the key leads from an entry, in a list of so many. */
const KEYS = {
  ArrowDown: (at, count) => Math.min(at + 1, count - 1),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_, count) => count - 1,
};

export function createFindingsPanel(context) {
  const { store } = context;
  const panel = createPanel(context, { id: "findings", title: "Findings", help: HELP, kinds: [] });
  const sides = createSides(context, panel.body, (side) => createFindingsSlot(context, side));
  panel.node.hidden = true;

  function update(state) {
    const payloads = shownSides(state).map((side) => state.view[side]?.payload).filter(Boolean);
    // A step that cannot be read takes nothing away: the panel says so, as all others do.
    if (payloads.length > 0) panel.node.hidden = payloads.every(({ findings }) => findings === null);
    store.set(followFinding(state));
    sides.update();
  }

  store.subscribe(["view", "finding", "other"], update);
  return panel;
}

function createFindingsSlot(context, side) {
  const { store } = context;
  const summary = element("p", { class: "quiet", "aria-live": "polite" });
  const list = element("ul", { class: "findings" });
  const node = element("div", {}, summary, list);
  let shown = { run: null, payload: null };
  let entries = [];

  function update({ run, payload }) {
    if (payload.findings === null) return "This step was recorded without findings.";
    if (payload !== shown.payload || run !== shown.run) {
      shown = { run, payload };
      fill();
    }
    const open = store.state.finding;
    for (const { key, show } of entries) show(open?.side === side && open.run === run && open.key === key);
    return entries.length === 0 ? nothingAt(payload.step) : null;
  }

  /** Whoever was at an entry stays at it, or at the first one where it is gone. */
  function fill() {
    const { findings, step } = shown.payload;
    const hadFocus = list.contains(document.activeElement);
    const focused = entries.find((entry) => entry.node.contains(document.activeElement))?.key;
    summary.textContent = summaryOf(findings, step);
    entries = findings.map((finding, i) => createEntry(context, shown, finding, `finding-${side}-${i}`, toggle));
    list.replaceChildren(...entries.map((entry) => entry.node));
    if (hadFocus) (entries.find(({ key }) => key === focused) ?? entries[0])?.button.focus();
  }

  function toggle(finding, isOpen) {
    if (isOpen) return store.set({ finding: null, evidence: null });
    const { run, payload } = shown;
    const lead = leadOf(finding.evidence.view, payload, store.state);
    const evidence = lead?.evidence ?? null;
    store.set({ ...lead?.patch, finding: { side, run, key: finding.key }, evidence });
    // By then the panels have drawn what is chosen, and are as high as they will be.
    if (evidence) queueMicrotask(() => revealPanel(evidence.panel));
  }

  list.addEventListener("keydown", (event) => {
    const at = entries.findIndex(({ button }) => button === event.target);
    if (at < 0 || !(event.key in KEYS)) return;
    entries[KEYS[event.key](at, entries.length)].button.focus();
    event.preventDefault();
  });

  return { node, update };
}

/** One finding: its sentence as a button, and what it was said from below it while it is open. */
function createEntry(context, record, finding, id, onToggle) {
  const question = element("span", { class: "question" }, finding.is_alert ? alertBadge() : null, finding.question);
  const button = element(
    "button",
    {
      type: "button",
      class: "finding-head",
      "aria-expanded": "false",
      "aria-controls": id,
      on: { click: () => onToggle(finding, isOpen) },
    },
    question,
    element("span", { class: "statement" }, finding.statement),
    element("span", { class: "level" }, levelText(finding.level)),
    icon(OPENS),
  );
  const detail = element("div", { class: "finding-detail", id, hidden: true });
  const node = element("li", { class: finding.is_alert ? "finding alert" : "finding" }, element("h3", {}, button), detail);
  let isOpen = false;

  function show(open) {
    if (open === isOpen) return;
    isOpen = open;
    detail.hidden = !open;
    detail.replaceChildren(...(open ? createFindingDetail(context, record, finding) : []));
    button.setAttribute("aria-expanded", String(open));
  }

  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen || event.defaultPrevented) return;
    event.preventDefault();
    onToggle(finding, isOpen);
    button.focus();
  });

  return { key: finding.key, node, button, show };
}

function alertBadge() {
  return element("span", { class: "badge badge-alert" }, icon(ALERT), "Alert");
}

/** How sure a finding is. */
export function levelText(level) {
  if (level === null) return "how sure is not known";
  return level === 0 ? "counted" : `by chance in at most ${twoDigits(100 * level)} % of cases`;
}

/** "30 findings at step 1,200, 2 of them alerts". */
export function summaryOf(findings, step) {
  const alerts = findings.filter((one) => one.is_alert).length;
  const ofThem = alerts === 0 ? "" : `, ${alerts} of them ${alerts === 1 ? "an alert" : "alerts"}`;
  return `${plural(findings.length, "finding")} at step ${readableStep(step)}${ofThem}`;
}

function nothingAt(step) {
  return `Nothing to report at step ${readableStep(step)}: none of the questions has a sure answer.`;
}
