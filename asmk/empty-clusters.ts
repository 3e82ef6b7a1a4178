/** @file Repair of empty clusters in k-means: each takes half of a large one. */
import { Mt19937 } from "../base/random.js";

/** Seed of the draws; a fresh generator is used in every iteration. */
const SEED = 1234;
/** Relative shift that sets the two halves apart, a little above the half-precision epsilon. */
const SHIFT = 1 / 1024;

/**
 * Gives every empty cluster the centroid of another one, both shifted in opposite directions (asmk.md §2).
 * The other cluster is drawn by visiting all in turn and accepting j with probability (count_j − 1)/(n − K); after 10·K
 * refusals the largest is taken, so the search always ends.
 * @param counts points a cluster, K values, changed: a split cluster and its new half share the count
 * @param centroids K × dim, changed
 * @param points n, more than K
 * @returns the number of clusters that were empty
 */
export function splitForEmptyClusters(
  counts: Float32Array,
  centroids: Float32Array,
  dim: number,
  points: number,
): number {
  const words = counts.length;
  const random = new Mt19937(SEED);
  const spare = Math.fround(points - words);
  let empty = 0;
  for (let c = 0; c < words; c++) {
    if (counts[c] !== 0) continue;
    empty++;
    const from = drawCluster(random, counts, spare);
    for (let d = 0; d < dim; d++) {
      const up = d % 2 === 0 ? c : from;
      const down = d % 2 === 0 ? from : c;
      const value = centroids[from * dim + d];
      centroids[up * dim + d] = value * (1 + SHIFT);
      centroids[down * dim + d] = value * (1 - SHIFT);
    }
    counts[c] = counts[from] / 2;
    counts[from] -= counts[c];
  }
  return empty;
}

function drawCluster(random: Mt19937, counts: Float32Array, spare: number): number {
  const words = counts.length;
  for (let draw = 0; draw < 10 * words; draw++) {
    const j = draw % words;
    if (random.nextF32() < Math.fround((counts[j] - 1) / spare)) return j;
  }
  return counts.indexOf(counts.reduce((a, b) => Math.max(a, b), 0));
}
