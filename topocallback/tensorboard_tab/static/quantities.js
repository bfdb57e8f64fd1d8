/**
 * What a plot over the steps can show of every layer: drift and noise in the chosen distance, each statistic, the scale.
 *
 * @typedef {Object} Quantity
 * @property {string} id Tells it from all others; never taken apart.
 * @property {string} name With its unit, for a list of quantities.
 * @property {string} detail What else is to be said of it: the distance, the homology dimension; may be empty.
 * @property {string} title Name and detail as one.
 * @property {function(Digest): ?(?number)[]} valuesOf The layers' numbers at one step; null where there are none.
 * @property {function(Digest): ?(?number)[]} noiseOf The layers' own noise, for what is a distance.
 * @property {function(Digest): ?(?number)[]} pOf The p-values of the numbers, for what is tested.
 * @property {function(Digest): ?(?number)[]} errorsOf The standard errors of the numbers.
 *
 * @typedef {ReturnType<import("./digest.js").digest>} Digest
 */
import { titleOf, withUnit } from "./names.js";
import { findTable, measuresOf } from "./tables.js";

/** What a distance is asked for besides its matrix, and where its p-values and standard errors are, if it has them. */
const OF_DISTANCE = {
  drift: { name: "Drift since the previous step", tested: "drift_p", errors: "drift_errors" },
  drift_from_first: {
    name: "Drift from the reference", tested: "drift_from_first_p", errors: "drift_from_first_errors",
  },
  noise: { name: "The layer’s own noise", tested: null },
};
const SCALE = { name: "Scale of the activations", unit: "activations' units" };

/** @param {"drift"|"drift_from_first"|"noise"|"scale"|"statistic"} kind */
export function quantityId(kind, measure = null) {
  return JSON.stringify([kind, measure]);
}

/**
 * What can be shown, given what is chosen.
 * @param {Digest[]} digests Of the steps read so far.
 * @param {{measure: ?string, dim: ?number}} chosen
 * @returns {Quantity[]}
 */
export function quantitiesOf(digests, { measure, dim }) {
  const distance = firstTable(digests.map((one) => one.distances), measure, dim);
  const statistics = measuresOf(digests.flatMap((one) => one.statistics));
  return [
    ...Object.keys(OF_DISTANCE).map((kind) => ofDistance(kind, distance, measure, dim, referenceOf(digests))),
    ...statistics.map(([statistic]) => ofStatistic(statistic, digests, dim)),
    quantity(quantityId("scale"), withUnit(SCALE.name, SCALE.unit), "", { valuesOf: (one) => one.scales }),
  ];
}

/** What one record can show, the statistics first. */
export function availableQuantities({ statistics }) {
  const fixed = [...Object.keys(OF_DISTANCE), "scale"];
  return [
    ...measuresOf(statistics).map(([measure]) => quantityId("statistic", measure)),
    ...fixed.map((kind) => quantityId(kind)),
  ];
}

function ofDistance(kind, about, measure, dim, reference) {
  const { name, tested, errors } = OF_DISTANCE[kind];
  const listOf = (list) => (one) => findTable(one.distances, measure, dim)?.[list] ?? null;
  const compared =
    tested === null ? {} : { noiseOf: listOf("noise"), pOf: listOf(tested), errorsOf: listOf(errors) };
  const from = kind === "drift_from_first" && reference !== "" ? `from ${reference}` : "";
  const detail = [about ? titleOf(about) : "", from].filter(Boolean).join(" · ");
  return quantity(quantityId(kind), withUnit(name, about?.unit ?? ""), detail, { valuesOf: listOf(kind), ...compared });
}

/** What the layers are held against, by the last step that says so: the first one has nothing to be held against. */
function referenceOf(digests) {
  return digests.map((one) => one.reference).filter(Boolean).at(-1) ?? "";
}

function ofStatistic(measure, digests, dim) {
  const tables = digests.map((one) => one.statistics);
  // Of a dimension in which it was not measured, its other dimensions say what it is; the plot then says that it is empty.
  const about = firstTable(tables, measure, dim) ?? tables.flat().find((table) => table.measure === measure);
  const details = [about.homology_dim === null ? "" : `H${dim}`, about.more && `larger: ${about.more}`];
  const listOf = (list) => (one) => findTable(one.statistics, measure, dim)?.[list] ?? null;
  const lists = { valuesOf: listOf("values"), errorsOf: listOf("errors") };
  return quantity(
    quantityId("statistic", measure), withUnit(about.label, about.unit), details.filter(Boolean).join(" · "), lists,
  );
}

function quantity(id, name, detail, lists) {
  const title = detail ? `${name}, ${detail}` : name;
  return { id, name, detail, title, noiseOf: nothing, pOf: nothing, errorsOf: nothing, ...lists };
}

function nothing() {
  return null;
}

function firstTable(lists, measure, dim) {
  for (const tables of lists) {
    const found = findTable(tables, measure, dim);
    if (found) return found;
  }
  return null;
}
