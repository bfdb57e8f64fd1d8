/**
 * Where records come from: TensorBoard's routes, or the report's own page. Both answer the same four questions.
 *
 * @typedef {Object} Source
 * @property {function(): Promise<string[]>} runs
 * @property {function(string): Promise<{steps: Entry[], inputs: ?string}>} steps Of one run.
 * @property {function(string, ?string): Promise<*>} snapshot The parsed record of a key, with a fetch priority.
 * @property {function(string): Promise<{url: string, meta: Object}>} inputs The sprite of a key.
 * @property {boolean} live Whether new steps can come.
 *
 * @typedef {Object} Entry
 * @property {number} step
 * @property {number} wall_time
 * @property {string} key
 */

const DATA_ELEMENT = "topology-data";
/** The answer of a server that refuses a record, with a sentence that can be shown. */
const TOO_LARGE = 413;

/** The page's own data where it has any, else the routes beside this page. */
export function chooseSource() {
  const data = document.getElementById(DATA_ELEMENT);
  return data ? embeddedSource(JSON.parse(data.textContent)) : httpSource();
}

/** @returns {Source} Addresses are relative to the page's base, so that they work under any path prefix. */
function httpSource() {
  const ask = async (route, parameters, options) => {
    const query = new URLSearchParams(parameters).toString();
    const response = await fetch(query ? `${route}?${query}` : route, options);
    if (response.status === TOO_LARGE) throw new Error(await response.text());
    if (!response.ok) throw new Error(`TensorBoard answered ${response.status} to "${route}".`);
    return response;
  };
  return {
    live: true,
    runs: async () => (await (await ask("runs", {})).json()).runs,
    steps: async (run) => {
      const answer = await (await ask("steps", { run })).json();
      return { steps: answer.steps, inputs: answer.inputs?.key ?? null };
    },
    snapshot: async (key, priority = "auto") => (await ask("snapshot", { key }, { priority })).json(),
    inputs: async (key) => ({
      url: `inputs?${new URLSearchParams({ key, part: 0 })}`,
      meta: await (await ask("inputs", { key, part: 1 })).json(),
    }),
  };
}

/** @returns {Source} Of `{"runs": {name: {"steps": [...], "inputs": ...}}}`. */
function embeddedSource(data) {
  const payloads = new Map();
  const runs = new Map(Object.entries(data.runs));
  const listings = new Map();
  for (const [name, run] of runs) {
    const steps = run.steps.map(({ step, wall_time: time, payload }, position) => {
      const key = `${position}/${name}`;
      payloads.set(key, payload);
      return { step, wall_time: time, key };
    });
    listings.set(name, { steps, inputs: run.inputs ? name : null });
  }
  return {
    live: false,
    runs: async () => [...runs.keys()],
    steps: async (run) => listings.get(run) ?? { steps: [], inputs: null },
    snapshot: async (key) => JSON.parse(await unzipped(payloads.get(key))),
    inputs: async (name) => {
      const { png, meta } = runs.get(name).inputs;
      return { url: URL.createObjectURL(new Blob([bytesOf(png)], { type: "image/png" })), meta };
    },
  };
}

/** Text from base64-encoded gzip. */
async function unzipped(encoded) {
  const stream = new Blob([bytesOf(encoded)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function bytesOf(encoded) {
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}
