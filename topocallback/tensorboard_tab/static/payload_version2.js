/**
 * Records of version 2, which event files of older runs hold, as records of version 3. Their noise was the distance
 * between two halves of the samples, which two samples of one layer of full size exceed in up to 98 % of cases: it
 * cannot be held against a distance, and is dropped. Nothing was tested.
 */

const REMARK = "Recorded before noise was calibrated: no noise is shown, and nothing is tested.";

/**
 * @param {Object} raw A record of version 2, of which only the layers and samples are known to be there.
 * @returns {Object} The same as one of version 3, to be checked like any other.
 */
export function fromVersion2(raw) {
  const withoutNoise = (table) => (table !== null && typeof table === "object" ? { ...table, noise: null } : table);
  const distances = Array.isArray(raw.distances) ? raw.distances.map(withoutNoise) : raw.distances;
  return { ...raw, version: 3, distances, remark: REMARK };
}
