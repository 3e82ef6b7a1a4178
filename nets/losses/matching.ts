/**
 * @file Which super-features of a query and its positive belong together (spec: fire.md §5.5). Indices only: no gradient
 * flows through the choice.
 */
import { UsageError } from "../../base/errors.js";

/**
 * "index": as the published training does it, which divides the distance by the *row number* of the second nearest query
 * feature. "distance": the textbook test, which divides by the second nearest distance.
 */
export type RatioTest = "index" | "distance";

export interface Matches {
  /** Template ids that are matched with themselves, ascending. */
  readonly ids: Int32Array;
  /** Nearest query row of each positive row. */
  readonly bestQuery: Int32Array;
  /** Nearest positive row of each query row. */
  readonly bestPositive: Int32Array;
  /** Second nearest query row of each positive row; 0 when there is only one row. */
  readonly secondQuery: Int32Array;
  /** What is compared with the threshold; may be infinite or NaN. */
  readonly ratio: Float64Array;
}

const THRESHOLD = 0.9;

/**
 * Reciprocal nearest neighbours that pass the ratio test and have the same row number on both sides. Of equal distances
 * the first row wins.
 * @param query N × dim unit rows @param positive the same
 */
export function matchSuperfeatures(
  query: Float64Array,
  positive: Float64Array,
  dim: number,
  test: RatioTest = "index",
): Matches {
  if (query.length !== positive.length)
    throw new UsageError(
      "TemplateCount",
      `losses: expected as many super-features in the positive as in the query (${query.length / dim}), got ${positive.length / dim}`,
    );
  const n = query.length / dim;
  const distance = distances(query, positive, dim);
  const bestQuery = new Int32Array(n);
  const bestPositive = new Int32Array(n);
  const secondQuery = new Int32Array(n);
  const ratio = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 1; j < n; j++) if (less(i, j, i, bestPositive[i])) bestPositive[i] = j;
  for (let j = 0; j < n; j++) {
    for (let i = 1; i < n; i++) if (less(i, j, bestQuery[j], j)) bestQuery[j] = i;
    let second = -1;
    for (let i = 0; i < n; i++)
      if (i !== bestQuery[j] && (second < 0 || distance[i * n + j] < distance[second * n + j])) second = i;
    const nearest = distance[bestQuery[j] * n + j];
    secondQuery[j] = Math.max(second, 0);
    if (test === "index") ratio[j] = nearest / secondQuery[j];
    else ratio[j] = nearest / (second < 0 ? Number.POSITIVE_INFINITY : distance[second * n + j]);
  }
  const ids: number[] = [];
  for (let j = 0; j < n; j++)
    if (bestQuery[j] === j && bestPositive[bestQuery[j]] === j && ratio[j] <= THRESHOLD) ids.push(j);
  return { ids: Int32Array.from(ids), bestQuery, bestPositive, secondQuery, ratio };

  function less(i: number, j: number, i2: number, j2: number): boolean {
    return distance[i * n + j] < distance[i2 * n + j2];
  }
}

/** Euclidean distances of all pairs, query rows × positive rows. */
function distances(query: Float64Array, positive: Float64Array, dim: number): Float64Array {
  const n = query.length / dim;
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let a = i * dim, b = j * dim; a < (i + 1) * dim; a++, b++) {
        const d = query[a] - positive[b];
        sum += d * d;
      }
      out[i * n + j] = Math.sqrt(sum);
    }
  return out;
}
