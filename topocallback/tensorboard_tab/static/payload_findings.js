/**
 * The findings of a record, checked like all else in it.
 *
 * @typedef {Object} Finding
 * @property {string} key Tells it from the others of its record; the same question has the same key at other steps.
 * @property {string} question
 * @property {string} statement The sentence that answers it.
 * @property {?number} level In which share of cases it is said by chance, at most; 0: counted, null: not known.
 * @property {boolean} is_alert
 * @property {{rule: string, numbers: Object<string, Entry[]|number|string|null>, view: ?View}} evidence `rule`: when this
 *   is said.
 *
 * @typedef {{layer: string, value: number|string|null}} Entry
 *
 * @typedef {CurveView|HeatmapView|GraphView|SamplesView} View Where the evidence is seen.
 * @typedef {{kind: "curve", measure: string, homology_dim: ?number, quantity: string, layers: string[]}} CurveView
 * @typedef {{kind: "heatmap", measure: string, homology_dim: ?number, layers: [string, string]}} HeatmapView
 * @typedef {{kind: "graph", layer: string}} GraphView
 * @typedef {{kind: "samples", layer: string, samples: Suspect[], n_samples: number}} SamplesView `n_samples`: how many
 *   there are; the list may be cut.
 * @typedef {{id: number, label: ?string, neighbours: number[], note: string}} Suspect `id` and `neighbours`: indices in
 *   the data set.
 */

const QUANTITIES = ["drift", "drift_from_reference", "value"];

/** How the view of each kind is read; null where it cannot be. */
const VIEWS = {
  curve: (view) => {
    const isKnown = isTable(view) && QUANTITIES.includes(view.quantity) && isList(view.layers, isText);
    return isKnown ? chosenOf(view, ["measure", "quantity", "layers"]) : null;
  },
  heatmap: (view) => {
    const isPair = isTable(view) && isList(view.layers, isText) && view.layers.length === 2;
    return isPair ? chosenOf(view, ["measure", "layers"]) : null;
  },
  graph: (view) => (isText(view.layer) ? { layer: view.layer } : null),
  samples: (view) => {
    if (!isText(view.layer) || !isList(view.samples, isSuspect)) return null;
    const count = Number.isInteger(view.n_samples) ? view.n_samples : 0;
    return { layer: view.layer, samples: view.samples.map(suspectOf), n_samples: Math.max(count, view.samples.length) };
  },
};

/**
 * @param {*} raw What the record holds.
 * @param {string[]} damaged Where the names of what cannot be read go.
 * @returns {?Finding[]} Alerts first; null for a record without, as older ones are.
 */
export function readFindings(raw, damaged) {
  if (raw === undefined || raw === null) return null;
  if (!Array.isArray(raw)) {
    damaged.push("all findings");
    return null;
  }
  const read = raw.map(readFinding).filter(Boolean);
  if (read.length < raw.length) damaged.push(`${raw.length - read.length} of ${raw.length} findings`);
  const findings = withKeys(read);
  return [...findings.filter((one) => one.is_alert), ...findings.filter((one) => !one.is_alert)];
}

function readFinding(raw) {
  const { kind, question, layers, statement, level, is_alert: isAlert, evidence } = raw ?? {};
  if (!isText(statement) || statement === "") return null;
  return {
    kind: textOf(kind),
    question: textOf(question),
    layers: isList(layers, isText) ? layers : [],
    statement,
    level: Number.isFinite(level) ? level : null,
    is_alert: isAlert === true,
    evidence: { rule: textOf(evidence?.rule), numbers: numbersIn(evidence?.numbers), view: readView(evidence?.view) },
  };
}

/** By its kind alone where only one is of that kind: the layers that it is about may change with the steps. */
function withKeys(findings) {
  const seen = new Map();
  return findings.map((finding) => {
    const { kind, layers } = finding;
    const isOnlyOne = findings.filter((other) => other.kind === kind).length === 1;
    const name = JSON.stringify(isOnlyOne ? [kind] : [kind, layers]);
    seen.set(name, (seen.get(name) ?? 0) + 1);
    return { key: `${name}${seen.get(name)}`, ...finding };
  });
}

function numbersIn(numbers) {
  if (numbers === null || typeof numbers !== "object" || Array.isArray(numbers)) return {};
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => isPlain(value) || isList(value, isEntry)));
}

function readView(view) {
  const read = Object.hasOwn(VIEWS, view?.kind) ? VIEWS[view.kind](view) : null;
  return read && { kind: view.kind, ...read };
}

function chosenOf(view, names) {
  const chosen = Object.fromEntries(names.map((name) => [name, view[name]]));
  return { ...chosen, homology_dim: view.homology_dim ?? null };
}

function suspectOf({ id, label, neighbours, note }) {
  return {
    id,
    label: label === null || label === undefined ? null : String(label),
    neighbours: isList(neighbours, Number.isInteger) ? neighbours : [],
    note: textOf(note),
  };
}

function isSuspect(sample) {
  return Number.isInteger(sample?.id);
}

function isEntry(entry) {
  return isText(entry?.layer) && isPlain(entry.value ?? null);
}

function isTable({ measure, homology_dim: dim }) {
  return isText(measure) && ((dim ?? null) === null || Number.isInteger(dim));
}

function isPlain(value) {
  return value === null || typeof value === "number" || isText(value);
}

function isList(values, test) {
  return Array.isArray(values) && values.every((value) => test(value));
}

function isText(value) {
  return typeof value === "string";
}

function textOf(value) {
  return isText(value) ? value : "";
}
