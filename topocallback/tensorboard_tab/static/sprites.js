/** The inputs of a run as small pictures on one sheet. */

/**
 * The runs' sprites, fetched when a node is first opened.
 * @returns {{of: function(string): Promise<?{url: string, meta: Object, places: Map<number, number>}>}}
 */
export function createSprites(store, source) {
  const fetched = new Map();

  async function fetchSprite(key) {
    const { url, meta } = await source.inputs(key);
    const places = new Map(meta.sample_ids.map((sample, place) => [sample, place]));
    return { url, meta, places };
  }

  return {
    async of(run) {
      const key = store.state.listings.get(run)?.inputs ?? null;
      if (key === null) return null;
      if (!fetched.has(key)) fetched.set(key, fetchSprite(key));
      try {
        return await fetched.get(key);
      } catch {
        fetched.delete(key); // asked for again next time; until then the indices alone are shown
        return null;
      }
    },
  };
}
