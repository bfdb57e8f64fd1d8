/**
 * What a plot over the steps can show of every layer: drift and noise in the chosen distance, each statistic, the scale.
 *
 * @typedef {Object} Quantity
 * @property {string} id Tells it from all others; never taken apart.
 * @property {string} name With its unit, for a list of quantities.
 * @property {string} detail What else is to be said of it: the distance, the homology dimension; may be empty.
 * @property {string} title Name and detail as one.
 * @property {function(Digest): ?(?number)[]} valuesOf The layers' numbers at one step; null where there are none.
 * @property {function(Digest): ?(?number)[]} floorOf The layers' noise that they are to be compared with.
 *
 * @typedef {ReturnType<import("./digest.js").digest>} Digest
 */
import { titleOf, withUnit } from "./names.js";
import { findTable, measuresOf } from "./tables.js";

/** What a distance is asked for besides its matrix, and whether it is to be compared with the noise. */
const OF_DISTANCE = {
  drift: { name: "Drift since the previous step", compared: true },
  drift_from_first: { name: "Drift since the first step", compared: true },
  noise: { name: "Noise floor", compared: false },
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
    ...Object.keys(OF_DISTANCE).map((kind) => ofDistance(kind, distance, measure, dim)),
    ...statistics.map(([statistic]) => ofStatistic(statistic, digests, dim)),
    quantity(quantityId("scale"), withUnit(SCALE.name, SCALE.unit), "", (one) => one.scales),
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

function ofDistance(kind, about, measure, dim) {
  const { name, compared } = OF_DISTANCE[kind];
  const valuesOf = (one) => findTable(one.distances, measure, dim)?.[kind] ?? null;
  const floorOf = (one) => findTable(one.distances, measure, dim)?.noise ?? null;
  const detail = about ? titleOf(about) : "";
  return quantity(quantityId(kind), withUnit(name, about?.unit ?? ""), detail, valuesOf, compared ? floorOf : () => null);
}

function ofStatistic(measure, digests, dim) {
  const tables = digests.map((one) => one.statistics);
  // Of a dimension in which it was not measured, its other dimensions say what it is; the plot then says that it is empty.
  const about = firstTable(tables, measure, dim) ?? tables.flat().find((table) => table.measure === measure);
  const details = [about.homology_dim === null ? "" : `H${dim}`, about.more && `larger: ${about.more}`];
  const valuesOf = (one) => findTable(one.statistics, measure, dim)?.values ?? null;
  const name = withUnit(about.label, about.unit);
  return quantity(quantityId("statistic", measure), name, details.filter(Boolean).join(" · "), valuesOf);
}

function quantity(id, name, detail, valuesOf, floorOf = () => null) {
  return { id, name, detail, title: detail ? `${name}, ${detail}` : name, valuesOf, floorOf };
}

function firstTable(lists, measure, dim) {
  for (const tables of lists) {
    const found = findTable(tables, measure, dim);
    if (found) return found;
  }
  return null;
}
