/** What an open finding was said from: where it is seen, its rule, its numbers, and the samples that it names. */
import { element } from "./dom.js";
import { leadOf, PANELS } from "./evidence.js";
import { shortNames } from "./names.js";
import { readableNumber } from "./numbers.js";
import { revealPanel } from "./panel.js";
import { createSuspects } from "./suspects.js";

/** More columns leave no room for their headings. */
const MOST_COLUMNS = 3;
const LONGEST_LAYER = 28;

/**
 * @param {Object} record The run and the payload that the finding is of.
 * @param {import("./payload_findings.js").Finding} finding
 * @returns {Node[]}
 */
export function createFindingDetail(context, record, { evidence }) {
  const { rule, numbers, view } = evidence;
  const lead = leadOf(view, record.payload, context.store.state);
  const { facts, columns } = splitNumbers(numbers);
  return [
    lead && (lead.problem ? element("p", { class: "note" }, lead.problem) : linkTo(lead.evidence.panel)),
    view?.kind === "samples" ? createSuspects(context, record, view) : null,
    rule === "" ? null : element("p", { class: "rule" }, rule),
    facts.length > 0 ? factsTable(facts) : null,
    ...columns.map(layersTable),
  ].filter(Boolean);
}

/** The panel was brought into view already; this leads the keyboard there, and back to it after scrolling away. */
function linkTo(panel) {
  const go = () => revealPanel(panel, { focus: true });
  return element("button", { type: "button", class: "more", on: { click: go } }, `Shown in “${PANELS[panel]}”`);
}

/**
 * Single numbers, and those with one value for each layer, a few beside each other.
 * @param {Object<string, import("./payload_findings.js").Entry[]|number|string|null>} numbers
 * @returns {{facts: [string, *][], columns: [string, Array][][]}}
 */
export function splitNumbers(numbers) {
  const all = Object.entries(numbers);
  const lists = all.filter(([, value]) => Array.isArray(value));
  const columns = [];
  for (let at = 0; at < lists.length; at += MOST_COLUMNS) columns.push(lists.slice(at, at + MOST_COLUMNS));
  return { facts: all.filter(([, value]) => !Array.isArray(value)), columns };
}

/** The layers of some lists, each once, with the value of every list. @returns {{layer: string, values: Array}[]} */
export function rowsOfLayers(lists) {
  const layers = [...new Set(lists.flatMap(([, entries]) => entries.map(({ layer }) => layer)))];
  const valueOf = (entries, name) => entries.find(({ layer }) => layer === name)?.value ?? null;
  return layers.map((layer) => ({ layer, values: lists.map(([, entries]) => valueOf(entries, layer)) }));
}

function factsTable(facts) {
  const rows = facts.map(([name, value]) => {
    return element("tr", {}, element("th", { scope: "row" }, name), cell(value));
  });
  return element("table", { class: "numbers" }, element("tbody", {}, ...rows));
}

function layersTable(lists) {
  const rows = rowsOfLayers(lists);
  const short = shortNames(rows.map(({ layer }) => layer), LONGEST_LAYER);
  const headings = ["layer", ...lists.map(([name]) => name)].map((name) => element("th", { scope: "col" }, name));
  const body = rows.map(({ layer, values }, i) => {
    return element("tr", {}, element("th", { scope: "row", title: layer }, short[i]), ...values.map(cell));
  });
  const head = element("thead", {}, element("tr", {}, ...headings));
  const table = element("table", { class: "numbers" }, head, element("tbody", {}, ...body));
  return element("div", { class: "numbers-frame" }, table);
}

function cell(value) {
  return element("td", {}, typeof value === "string" ? value : readableNumber(value));
}
