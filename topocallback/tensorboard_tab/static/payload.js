/**
 * What one step's record holds. A record comes from a file that may be old, cut short or altered: here it is checked
 * once, and nothing behind has to ask again.
 *
 * @typedef {Object} Payload The JSON that `views/payload.py` writes; NaN and infinity are null.
 * @property {number} version
 * @property {number} step
 * @property {number} epoch
 * @property {string[]} layers The L layers, in the model's order.
 * @property {(?number)[]} n_points The L layers' numbers of points. 0: the layer had none, null: not known.
 * @property {number[]} homology_dims The D homology dimensions of the diagrams.
 * @property {string[]} classes
 * @property {number[]} sample_ids The n samples' indices in the data set.
 * @property {?number[]} labels The number of each sample's class.
 * @property {DistanceTable[]} distances
 * @property {StatisticTable[]} statistics
 * @property {(?number)[]} scales What each of the L layers' distances were divided by.
 * @property {Object<string, string>} problems Layer to a sentence.
 * @property {Object<string, *>} options What the analysis was asked to do.
 * @property {string} reference What `drift_from_first` is measured from; empty: nothing.
 * @property {Object<string, *>} recording How the layers were recorded; empty: not known.
 * @property {string} remark A sentence on what an older record lacks; empty for others. Not in the JSON.
 * @property {string} damage A sentence on what of the record could not be read; empty if all could. Not in the JSON.
 * @property {number[][][][]} diagrams Per layer, per dimension: births, deaths (null: never dies); longest bar first.
 * @property {(?[number[][], number[][]][])[]} simplices Per layer, per dimension: which inputs make each of the first
 *   bars, none in H0, and which end it, none where it never dies, as positions in `sample_ids`. Null: not known.
 * @property {(?MapperGraph)[]} mappers Per layer.
 * @property {?import("./payload_findings.js").Finding[]} findings Alerts first; null: nothing was asked, as in older records.
 *
 * @typedef {import("./tables.js").Description & DistanceNumbers} DistanceTable
 * @typedef {Object} DistanceNumbers Null: not known.
 * @property {(?number)[][]} matrix L by L.
 * @property {(?number)[]} noise How far apart two samples of each of the L layers are on average.
 * @property {(?number)[][]} p_values L by L: how often a distance comes out so large where there is no difference.
 * @property {(?number)[][]} times_noise L by L: the distances over their noise.
 * @property {(?number)[][]} relative L by L: the distances as shares of the largest that there could be.
 * @property {(?number)[][]} errors L by L: standard errors of a paired distance.
 * @property {(?number)[]} drift Of the L layers, since the previous step.
 * @property {(?number)[]} drift_from_first Since what `reference` names.
 * @property {(?number)[]} drift_p The p-values of `drift`.
 * @property {(?number)[]} drift_from_first_p
 * @property {(?number)[]} drift_errors The standard errors of `drift`, of a paired distance.
 * @property {(?number)[]} drift_from_first_errors
 *
 * @typedef {import("./tables.js").Description & StatisticNumbers} StatisticTable
 * @typedef {Object} StatisticNumbers
 * @property {(?number)[]} values One number for each of L layers.
 * @property {(?number)[]} errors Their standard errors.
 *
 * @typedef {Object} MapperGraph
 * @property {number[]} x In [-1, 1], like `y`.
 * @property {number[]} y
 * @property {number[]} sizes
 * @property {number[][]} members Positions in `sample_ids`.
 * @property {number[][]} edges First node, second node, how many samples they share.
 */
import { titleOf } from "./names.js";
import { readFindings } from "./payload_findings.js";
import { fromVersion1 } from "./payload_version1.js";
import { fromVersion2 } from "./payload_version2.js";

/** Each older version becomes the next one. */
const OLDER = { 1: fromVersion1, 2: fromVersion2 };
const NEWEST_VERSION = 3;

/** Lists without which there is nothing to show. Whatever else is damaged costs itself alone. */
const ESSENTIAL = {
  layers: ({ layers }) => layers.every((name) => typeof name === "string"),
  homology_dims: ({ homology_dims: dims }) => dims.every(Number.isInteger),
  sample_ids: () => true,
  diagrams: ({ diagrams, layers, homology_dims: dims }) => areDiagrams(diagrams, layers?.length, dims?.length),
};

const DRIFTS = ["drift", "drift_from_first"];

/** The numbers of a table. Those that are not required may be missing: they are not known then. */
const NUMBERS = {
  distance: {
    required: ["matrix"],
    matrices: ["matrix", "p_values", "times_noise", "relative", "errors"],
    vectors: ["noise", ...DRIFTS, ...DRIFTS.flatMap((drift) => [`${drift}_p`, `${drift}_errors`])],
  },
  statistic: { required: ["values"], matrices: [], vectors: ["values", "errors"] },
};

/**
 * Check a record before anything draws it.
 * @param {*} raw Parsed JSON.
 * @returns {Payload} Of the newest version.
 * @throws {Error} With a sentence that can be shown.
 */
export function checkPayload(raw) {
  if (raw === null || typeof raw !== "object") throw new Error("This step's record is damaged: it holds no object.");
  if (typeof raw.version === "number" && raw.version > NEWEST_VERSION) {
    throw new Error(
      `This step was written by a newer version of topocallback (record version ${raw.version}, this page reads up ` +
        `to ${NEWEST_VERSION}). Update topocallback where TensorBoard runs.`,
    );
  }
  const unreadable = Object.keys(ESSENTIAL).filter((key) => !isList(raw[key]) || !ESSENTIAL[key](raw));
  const isKnown = raw.version === NEWEST_VERSION || (typeof raw.version === "number" && Object.hasOwn(OLDER, raw.version));
  if (!isKnown || unreadable.length > 0) {
    throw new Error(`This step's record is damaged: ${unreadable.join(", ") || "its version"} cannot be read.`);
  }
  let record = { ...raw, remark: "" };
  while (record.version in OLDER) record = OLDER[record.version](record);
  return readRecord(record);
}

function readRecord(record) {
  const count = record.layers.length;
  const damaged = [];
  const vector = (values, name) => {
    if (isVector(values, count)) return values;
    damaged.push(name);
    return record.layers.map(() => null);
  };
  return {
    ...record,
    n_points: vector(record.n_points, "how many points the layers had"),
    scales: vector(record.scales, "the layers' scales"),
    distances: readTables(record.distances, "distance", count, damaged),
    statistics: readTables(record.statistics, "statistic", count, damaged),
    classes: isList(record.classes) ? record.classes : [],
    labels: isList(record.labels) ? record.labels : null,
    simplices: readSimplices(record, damaged),
    mappers: isList(record.mappers) ? record.mappers : [],
    problems: record.problems ?? {},
    reference: typeof record.reference === "string" ? record.reference : "",
    options: mappingOf(record.options),
    recording: mappingOf(record.recording),
    findings: readFindings(record.findings, damaged),
    damage: damaged.length > 0 ? `Left out, as the record is damaged there: ${damaged.join("; ")}.` : "",
  };
}

/** What of it can be read; older records have none. */
function readSimplices({ simplices = null, layers, homology_dims: dims, diagrams, sample_ids: ids }, damaged) {
  const isOne = (inputs) => isList(inputs) && inputs.every((at) => Number.isInteger(at) && at >= 0 && at < ids.length);
  const ofDiagram = (one, [births], dim) => {
    const [makes, ends] = isList(one) && one.every(isList) ? one : [];
    const countsFit = ends?.length <= births.length && makes.length === (dim === 0 ? 0 : ends.length);
    return countsFit && [...makes, ...ends].every(isOne);
  };
  const ofLayer = (one, at) => isList(one) && dims.every((dim, i) => ofDiagram(one[i], diagrams[at][i], dim));
  const read = layers.map((_, at) => (isList(simplices) && simplices[at] && ofLayer(simplices[at], at) ? simplices[at] : null));
  const lost = simplices !== null && layers.some((_, at) => read[at] === null && (!isList(simplices) || simplices[at] !== null));
  if (lost) damaged.push("which inputs make and end bars");
  return read;
}

/** The tables that can be read; the others' names go to `damaged`. One of a kind that is not known here is passed over. */
function readTables(tables, kind, count, damaged) {
  if (!isList(tables)) {
    damaged.push(`all ${kind}s`);
    return [];
  }
  const read = [];
  for (const table of tables) {
    if (typeof table?.kind === "string" && table.kind !== kind) continue;
    const about = describe(table, kind);
    const numbers = about && numbersOf(table, NUMBERS[kind], count);
    if (numbers) read.push({ ...about, ...numbers });
    else damaged.push(about ? titleOf(about) : `a ${kind} without a name`);
  }
  return read;
}

/** @returns {?import("./tables.js").Description} Null where not even a name can be read. */
function describe(table, kind) {
  const { measure, homology_dim: dim = null, label, unit, range, direction, paired, more } = table ?? {};
  if (typeof measure !== "string" || !(dim === null || Number.isInteger(dim))) return null;
  return {
    measure,
    homology_dim: dim,
    label: textOf(label) || measure,
    unit: textOf(unit),
    range: isVector(range, 2) ? range : [null, null],
    kind,
    direction: direction === "similarity" ? "similarity" : "distance",
    paired: paired === true,
    more: textOf(more),
  };
}

/** @returns {?Object<string, Array>} Null where some of the numbers cannot be read. */
function numbersOf(table, { required, matrices, vectors }, count) {
  const numbers = {};
  for (const name of [...matrices, ...vectors]) {
    const isMatrixOf = matrices.includes(name);
    const isUnknown = !required.includes(name) && (table[name] ?? null) === null;
    if (!isUnknown && !(isMatrixOf ? isMatrix : isVector)(table[name], count)) return null;
    numbers[name] = isUnknown ? unknown(count, isMatrixOf) : table[name];
  }
  return numbers;
}

/** As many nulls. All rows of a matrix are one: none of them is ever written to. */
function unknown(count, isMatrixOf) {
  const row = new Array(count).fill(null);
  return isMatrixOf ? new Array(count).fill(row) : row;
}

/** What is said of a layer that had no point at a step; null for all others. */
export function withoutPoints(payload, layer) {
  return payload.n_points[payload.layers.indexOf(layer)] === 0 ? `${layer} had no point at this step.` : null;
}

function areDiagrams(diagrams, layers, dims) {
  const isDiagram = ([births, deaths]) => isVector(births, births?.length) && isVector(deaths, births.length);
  const ofLayer = (layer) => isList(layer) && layer.length === dims && layer.every((one) => isList(one) && isDiagram(one));
  return diagrams.length === layers && diagrams.every(ofLayer);
}

function isMatrix(rows, count) {
  return isList(rows) && rows.length === count && rows.every((row) => isVector(row, count));
}

function isVector(values, count) {
  return isList(values) && values.length === count && values.every((value) => value === null || typeof value === "number");
}

function isList(value) {
  return Array.isArray(value);
}

function mappingOf(value) {
  return value !== null && typeof value === "object" && !isList(value) ? value : {};
}

function textOf(value) {
  return typeof value === "string" ? value : "";
}
