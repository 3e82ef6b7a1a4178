/** @file Exact nearest centroids on the CPU: the twin that tiled GPU search is checked against. */

/**
 * Squared norms of the rows in float64, the part of ‖x − c‖² = ‖x‖² + ‖c‖² − 2 x·c that does not depend on x.
 * @param rows count × dim, row-major
 */
export function squaredNorms(rows: Float32Array, dim: number): Float64Array {
  const out = new Float64Array(rows.length / dim);
  for (let i = 0, at = 0; i < out.length; i++) for (let d = 0; d < dim; d++, at++) out[i] += rows[at] * rows[at];
  return out;
}

/**
 * The m nearest centroids of each vector by squared L2 distance, nearest first, ties to the lower index.
 * Distances are formed in float64 as ‖c‖² − 2 x·c, four centroids at a time so that x is loaded once for four products.
 * @param vectors count × dim
 * @param centroids words × dim, words ≥ m
 * @param norms squaredNorms(centroids, dim)
 * @param m neighbours a vector
 * @param out count × m, receives the indices
 */
export function nearestCentroids(
  vectors: Float32Array,
  centroids: Float32Array,
  norms: Float64Array,
  dim: number,
  m: number,
  out: Int32Array,
): void {
  const words = norms.length;
  const count = vectors.length / dim;
  const x = new Float64Array(dim);
  const scores = new Float64Array(words);
  const best = new Float64Array(m);
  for (let i = 0; i < count; i++) {
    for (let d = 0; d < dim; d++) x[d] = vectors[i * dim + d];
    scoreCentroids(x, centroids, norms, scores);
    best.fill(Number.POSITIVE_INFINITY);
    const row = i * m;
    for (let w = 0; w < words; w++) {
      const s = scores[w];
      if (!(s < best[m - 1])) continue;
      let at = m - 1;
      for (; at > 0 && s < best[at - 1]; at--) {
        best[at] = best[at - 1];
        out[row + at] = out[row + at - 1];
      }
      best[at] = s;
      out[row + at] = w;
    }
  }
}

/** scores[w] = ‖c_w‖² − 2 x·c_w. Each sum runs over the components in order, so equal centroids score equally. */
function scoreCentroids(x: Float64Array, centroids: Float32Array, norms: Float64Array, scores: Float64Array): void {
  const dim = x.length;
  const words = norms.length;
  let w = 0;
  for (; w + 4 <= words; w += 4) {
    const a = w * dim;
    const b = a + dim;
    const c = b + dim;
    const e = c + dim;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let d = 0; d < dim; d++) {
      const v = x[d];
      s0 += v * centroids[a + d];
      s1 += v * centroids[b + d];
      s2 += v * centroids[c + d];
      s3 += v * centroids[e + d];
    }
    scores[w] = norms[w] - 2 * s0;
    scores[w + 1] = norms[w + 1] - 2 * s1;
    scores[w + 2] = norms[w + 2] - 2 * s2;
    scores[w + 3] = norms[w + 3] - 2 * s3;
  }
  for (; w < words; w++) {
    let s = 0;
    for (let d = 0; d < dim; d++) s += x[d] * centroids[w * dim + d];
    scores[w] = norms[w] - 2 * s;
  }
}

/** ‖a − b‖² of row i of a and row j of b, in float64. */
export function squaredDistance(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) {
    const diff = a[i * dim + d] - b[j * dim + d];
    sum += diff * diff;
  }
  return sum;
}
