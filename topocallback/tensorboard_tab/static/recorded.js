/** How the shown steps were recorded and analysed, and in what two sides differ. */
import { element } from "./dom.js";

/** Of the options, those that are not said beside the numbers already. */
const OPTIONS = ["scale", "homology_dims", "backend", "mapper"];
const MOST_SHOWN = 3;

/** A line under the panels that opens into a table. */
export function createRecorded(store) {
  const summary = element("summary", {});
  const table = element("table", {});
  const node = element("details", { class: "recorded", hidden: true }, summary, table);

  store.subscribe(["view"], ({ view }) => {
    const sides = [view.first?.payload, view.second?.payload].filter(Boolean);
    const rows = sides.length > 0 ? rowsOf(sides) : [];
    const otherwise = rows.filter((row) => row.differs).map((row) => row.name);
    node.hidden = rows.length === 0;
    summary.textContent = "How it was recorded" + (otherwise.length > 0 ? `: not alike in ${otherwise.join(", ")}` : "");
    summary.classList.toggle("differs", otherwise.length > 0);
    table.replaceChildren(...rows.map(({ name, values, differs }) =>
      element("tr", { class: differs ? "differs" : null }, element("th", { scope: "row" }, name), ...values.map((value) => element("td", {}, value))),
    ));
  });
  return { node };
}

/**
 * What there is to say of one side, or of two beside each other.
 * @param {import("./payload.js").Payload[]} sides
 * @returns {{name: string, values: string[], differs: boolean}[]} What one side does not say is empty, and no difference.
 */
export function rowsOf(sides) {
  const facts = sides.map(({ recording, options }) => ({
    ...recording,
    ...Object.fromEntries(OPTIONS.filter((name) => name in options).map((name) => [name, options[name]])),
  }));
  const names = [...new Set(facts.flatMap(Object.keys))];
  return names.map((name) => {
    const known = facts.filter((each) => name in each).map((each) => JSON.stringify(each[name]));
    const values = facts.map((each) => (name in each ? inWords(each[name]) : ""));
    return { name: name.replaceAll("_", " "), values, differs: new Set(known).size > 1 };
  });
}

/** A value as text; of a long list or mapping the first entries, and how many more there are. */
export function inWords(value) {
  if (value === null || value === undefined) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "object") return String(value);
  const texts = Array.isArray(value)
    ? value.map(inWords)
    : Object.entries(value).map(([name, inner]) => `${name}: ${inWords(inner)}`);
  const more = texts.length - MOST_SHOWN;
  return more <= 0 ? texts.join(", ") : `${texts.slice(0, MOST_SHOWN).join(", ")} and ${more} more`;
}
