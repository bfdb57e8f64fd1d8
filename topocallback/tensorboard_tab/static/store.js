/**
 * The state of the page, in one place. Panels read it and subscribe to the parts that they show; what a person does
 * becomes a change of state and nothing else.
 */

/**
 * @param {Object} initial
 * @returns {{state: Object, set: function(Object), subscribe: function(string[], function(Object))}}
 */
export function createStore(initial) {
  const state = { ...initial };
  const subscribers = [];
  const changed = new Set();

  /** Changes made in one go are told once, in the order of subscription. */
  function tell() {
    const keys = new Set(changed);
    changed.clear();
    for (const { keys: wanted, callback } of subscribers) {
      if (wanted.some((key) => keys.has(key))) callback(state);
    }
  }

  return {
    state,
    set(patch) {
      const before = changed.size;
      for (const [key, value] of Object.entries(patch)) {
        if (state[key] === value) continue;
        state[key] = value;
        changed.add(key);
      }
      if (before === 0 && changed.size > 0) queueMicrotask(tell);
    },
    subscribe(keys, callback) {
      subscribers.push({ keys, callback });
    },
  };
}
