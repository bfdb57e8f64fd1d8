/** What a Mapper graph's nodes hold. */

/** A node's classes, the most frequent first. */
export function classShares(graph, payload, node) {
  if (!payload.labels) return [];
  const counts = new Map();
  for (const position of graph.members[node]) {
    const label = payload.labels[position];
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const total = graph.members[node].length;
  return [...counts]
    .map(([label, count]) => ({ label, count, share: count / total }))
    .sort((a, b) => b.count - a.count || a.label - b.label);
}

/** @returns {?number} The node of most inputs in common, relative to the inputs of both (Jaccard). */
export function counterpart(graph, payload, { index, samples }) {
  const wanted = new Set(samples);
  const overlap = (node) => {
    const members = new Set(graph.members[node].map((member) => payload.sample_ids[member]));
    const common = [...members].filter((sample) => wanted.has(sample)).length;
    return common / (members.size + wanted.size - common);
  };
  if (graph.members[index] && overlap(index) === 1) return index;
  const overlaps = graph.members.map((_, node) => overlap(node));
  const best = overlaps.indexOf(Math.max(0, ...overlaps));
  return overlaps[best] > 0 ? best : null;
}
