/**
 * What happens over time: listing runs and steps, fetching the record of the chosen step, reading ahead, playing, and
 * looking for new steps.
 */
import { entriesOf, entryAt, initialState, settle, unionOfSteps } from "./selection.js";

const POLL_MILLISECONDS = 10_000;
const PLAY_MILLISECONDS = 600;
const REDRAW_MILLISECONDS = 200;
const RETRY_MILLISECONDS = 60_000;

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {import("./source.js").Source} source
 * @param {ReturnType<import("./library.js").createLibrary>} library
 */
export function createSession(store, source, library) {
  const { state } = store;
  let showing = false;
  let showAgain = false;
  let filling = false;
  /** When the digest of a record could not be had, so that reading ahead does not ask for it again and again. */
  const refused = new Map();
  const nameOf = (entry) => `${entry.wall_time} ${entry.key}`;
  const isRefused = (entry) => Date.now() - (refused.get(nameOf(entry)) ?? -Infinity) < RETRY_MILLISECONDS;

  const watchedRuns = () => [...new Set([state.run, state.other?.run])].filter((run) => run !== null && run !== undefined);

  /** Ask for runs and steps. */
  function refresh() {
    return guarded(async () => {
      const runs = (await source.runs()).sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
      if (!runs.includes(state.run)) store.set({ run: runs.at(-1) ?? null, step: null });
      if (state.other && !runs.includes(state.other.run)) store.set({ other: null });
      store.set({ runs });
      const news = await list();
      if (news || state.view.first?.problem) await show();
      else readAhead();
      store.set({ started: true, notice: null });
    });
  }

  /** A server that does not answer is said, and asked again later. */
  async function guarded(action) {
    try {
      await action();
    } catch (error) {
      store.set({ started: true, notice: `No answer from TensorBoard; what is shown was read before. (${error.message})` });
    }
  }

  function isAtEnd() {
    return state.step === null || state.step === unionOfSteps(state).at(-1);
  }

  /**
   * Ask for the steps of the shown runs.
   * @param {boolean} follow Whether to go to the last step: whoever was there stays there.
   * @returns {Promise<boolean>} Whether anything is new.
   */
  async function list(follow = isAtEnd()) {
    const { run: runBefore, other: otherBefore, step: stepBefore } = state;
    const answers = await Promise.all(watchedRuns().map(async (run) => [run, await source.steps(run)]));
    const news = answers.filter(([run, answer]) => JSON.stringify(answer) !== JSON.stringify(state.listings.get(run)));
    if (news.length > 0) store.set({ listings: new Map([...state.listings, ...news]) });
    news.forEach(([run, answer]) => library.retain(run, answer.steps));
    // Whoever chose something else while this was under way has the last word.
    if (state.run !== runBefore || state.other !== otherBefore) return news.length > 0;
    const steps = unionOfSteps(state);
    if (follow && state.step === stepBefore && !state.playing) store.set({ step: steps.at(-1) ?? null });
    else if (!steps.includes(state.step)) store.set({ step: steps.findLast((step) => step <= state.step) ?? steps[0] ?? null });
    return news.length > 0;
  }

  /** Fetch and show the chosen step. While one is fetched, only the newest further wish is kept. */
  async function show() {
    showAgain = true;
    if (showing) return;
    showing = true;
    while (showAgain) {
      showAgain = false;
      await showOnce();
    }
    showing = false;
    readAhead();
  }

  async function showOnce() {
    const { run, step, other } = state;
    store.set({ loading: true });
    const [first, second] = await Promise.all([
      recordAt(run, step),
      other ? recordAt(other.run, other.step ?? step) : null,
    ]);
    const payload = first?.payload ?? second?.payload;
    const otherRun = state.view.first?.run !== run;
    const choices = payload ? settle(state, payload, otherRun) : {};
    store.set({ view: { first, second }, loading: false, digests: library.count(), ...choices });
  }

  async function recordAt(run, step) {
    const entry = step === null ? null : entryAt(state, run, step);
    if (entry === null) return { run, step: null, payload: null, problem: null };
    return { run, step: entry.step, ...(await library.load(run, entry)) };
  }

  /** The neighbours of the shown step first, then all steps for the curves, coarse to fine, one at a time. */
  async function readAhead() {
    if (filling) return;
    filling = true;
    let drawn = performance.now();
    for (let next = nextUnread(); next !== null; next = nextUnread()) {
      const [run, entry] = next;
      await (isNeighbour(run, entry) ? library.load(run, entry, "low") : library.skim(run, entry));
      if (!library.knows(run, entry)) refused.set(nameOf(entry), Date.now());
      if (performance.now() - drawn > REDRAW_MILLISECONDS) {
        drawn = performance.now();
        store.set({ digests: library.count() });
      }
      await pause(showing ? 50 : 0);
    }
    filling = false;
    store.set({ digests: library.count() });
  }

  function nextUnread() {
    for (const run of watchedRuns()) {
      const entries = entriesOf(state, run);
      const here = entries.findIndex((entry) => entry.step === state.step);
      const order = [here + 1, here - 1, ...coarseToFine(entries.length)];
      const unread = order.map((at) => entries[at]).find(
        (entry) => entry && !library.knows(run, entry) && !isRefused(entry),
      );
      if (unread) return [run, unread];
    }
    return null;
  }

  function isNeighbour(run, entry) {
    const entries = entriesOf(state, run);
    return Math.abs(entries.indexOf(entry) - entries.findIndex(({ step }) => step === state.step)) <= 1;
  }

  function chooseStep(step) {
    store.set({ step });
    return show();
  }

  /** Move along the slider by so many places. */
  function move(places) {
    const steps = unionOfSteps(state);
    const at = steps.indexOf(state.step) + places;
    const step = steps[Math.min(Math.max(at, 0), steps.length - 1)];
    return step === undefined || step === state.step ? Promise.resolve() : chooseStep(step);
  }

  async function play() {
    if (state.playing) return store.set({ playing: false });
    const steps = unionOfSteps(state);
    store.set({ playing: true });
    if (state.step === steps[steps.length - 1]) await chooseStep(steps[0]);
    while (state.playing && state.step !== unionOfSteps(state).at(-1)) {
      await pause(PLAY_MILLISECONDS);
      if (state.playing) await move(1);
    }
    return store.set({ playing: false });
  }

  function chooseRun(run) {
    const follow = isAtEnd();
    store.set({ run, node: null });
    return relist(follow);
  }

  function relist(follow) {
    return guarded(async () => {
      await list(follow);
      await show();
    });
  }

  /** @param {?{run: string, step: ?number}} other A step of null moves with the slider. */
  function compareWith(other) {
    store.set({ other });
    return relist(false);
  }

  function start() {
    Object.assign(state, { ...initialState(), dark: state.dark });
    if (source.live) {
      setInterval(() => document.hidden || refresh(), POLL_MILLISECONDS);
      document.addEventListener("visibilitychange", () => document.hidden || refresh());
    }
    return refresh();
  }

  return { start, refresh, chooseStep, move, play, chooseRun, compareWith };
}

/** 0, the last one, then ever finer halves: a curve shows its shape after a few records. */
function coarseToFine(count) {
  const order = new Set([0, count - 1]);
  for (let stride = 2 ** Math.floor(Math.log2(Math.max(count, 1))); stride >= 1; stride /= 2) {
    for (let at = 0; at < count; at += stride) order.add(at);
  }
  return [...order];
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
