/**
 * Records that were fetched. A record is fetched once, when it is first wanted; the last ones stay in memory, and of
 * every one a digest does.
 */
import { digest } from "./digest.js";
import { checkPayload } from "./payload.js";

/** With 20 layers and 512 samples, a page that keeps so many takes 120 MB of memory in all. */
const MOST_KEPT = 80;

/**
 * @param {import("./source.js").Source} source
 */
export function createLibrary(source) {
  const kept = new Map();
  const digests = new Map();
  let read = 0;

  /** A key names run and step: of a run that was started anew in the same folder, only the time tells. */
  const identity = (entry) => `${entry.wall_time} ${entry.key}`;

  async function fetchRecord(run, entry, priority) {
    const payload = checkPayload(await source.snapshot(entry.key, priority));
    if (!digests.has(run)) digests.set(run, new Map());
    digests.get(run).set(entry.step, { ...digest(payload), identity: identity(entry) });
    read += 1;
    return payload;
  }

  /** Drop the records that were not asked for longest. */
  function forget() {
    for (const id of kept.keys()) {
      if (kept.size <= MOST_KEPT) return;
      kept.delete(id);
    }
  }

  /**
   * The record of a step.
   * @returns {Promise<{payload: ?import("./payload.js").Payload, problem: ?string}>} Never rejected.
   */
  async function load(run, entry, priority = "high") {
    const id = identity(entry);
    const record = kept.get(id) ?? fetchRecord(run, entry, priority);
    kept.delete(id);
    kept.set(id, record);
    forget();
    try {
      return { payload: await record, problem: null };
    } catch (error) {
      kept.delete(id);
      return { payload: null, problem: readableProblem(error) };
    }
  }

  return {
    load,
    /** Read a record for its digest alone: it does not push out what a person looked at. */
    async skim(run, entry) {
      if (kept.size < MOST_KEPT) return load(run, entry, "low");
      return fetchRecord(run, entry, "low").catch(() => null);
    },
    /** Forget the digests of steps that a run no longer has, because it was started anew in the same folder. */
    retain(run, entries) {
      const listed = new Set(entries.map(identity));
      for (const [step, known] of digests.get(run) ?? []) {
        if (!listed.has(known.identity)) digests.get(run).delete(step);
      }
    },
    /** Whether the digest of a step is there. */
    knows: (run, entry) => digests.get(run)?.get(entry.step)?.identity === identity(entry),
    /** How many digests were read, which tells whether there are new ones. */
    count: () => read,
    /** The digests of a run that were read so far, in the order of their steps. */
    digests: (run) => [...(digests.get(run)?.values() ?? [])].sort((a, b) => a.step - b.step),
  };
}

function readableProblem(error) {
  if (error instanceof SyntaxError) return "This step's record is damaged: it is not JSON.";
  if (error instanceof TypeError) return "This step's record could not be fetched. Is TensorBoard still running?";
  return error.message;
}
