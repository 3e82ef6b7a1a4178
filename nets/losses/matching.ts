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

/**
 * Euclidean distances of all pairs, query rows × positive rows: two rows and four columns at a time, whose eight sums do not
 * wait for one another. Each adds its squares in the order of the dimensions, so a tile changes no bit. At the edges the last
 * row or column stands in for those that are missing, and is written again.
 */
function distances(query: Float64Array, positive: Float64Array, dim: number): Float64Array {
  const n = query.length / dim;
  const out = new Float64Array(n * n);
  const panel = new Float64Array(dim * 4);
  for (let j = 0; j < n; j += 4) {
    for (let k = 0; k < 4; k++)
      for (let c = 0, from = Math.min(j + k, n - 1) * dim; c < dim; c++) panel[4 * c + k] = positive[from + c];
    for (let i = 0; i < n; i += 2) tile(query, panel, out, n, i, j);
  }
  return out;
}

/** Distances of query rows i and i + 1 from the four positive rows in `panel` [dim, 4], which begin with row j. */
function tile(query: Float64Array, panel: Float64Array, out: Float64Array, n: number, i: number, j: number): void {
  const dim = panel.length / 4;
  const next = Math.min(i + 1, n - 1);
  // plain names: an array of sums would be kept in memory
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let t0 = 0;
  let t1 = 0;
  let t2 = 0;
  let t3 = 0;
  for (let c = 0, a = i * dim, b = next * dim; c < panel.length; c += 4, a++, b++) {
    const v = query[a];
    const w = query[b];
    const p0 = panel[c];
    const p1 = panel[c + 1];
    const p2 = panel[c + 2];
    const p3 = panel[c + 3];
    s0 += (v - p0) * (v - p0);
    s1 += (v - p1) * (v - p1);
    s2 += (v - p2) * (v - p2);
    s3 += (v - p3) * (v - p3);
    t0 += (w - p0) * (w - p0);
    t1 += (w - p1) * (w - p1);
    t2 += (w - p2) * (w - p2);
    t3 += (w - p3) * (w - p3);
  }
  const sums = [s0, s1, s2, s3, t0, t1, t2, t3];
  for (let k = 0; k < 8; k++) out[(k < 4 ? i : next) * n + Math.min(j + (k % 4), n - 1)] = Math.sqrt(sums[k]);
}
