/** @file cirtorch's whitening learned from matching pairs (spec: cirtorch.md §5). */
import { UsageError } from "../../base/errors.js";
import { cholesky, invertLower } from "./cholesky.js";
import type { Whitening } from "./pca.js";
import { symmetricEigen } from "./symmetric-eigen.js";

/**
 * The scatter of pair differences is made spherical (inverse Cholesky factor), then the axes are turned to those of the
 * largest variance of all rows.
 * @param rows n × dim; the mean is that of the query rows alone
 * @param queries rows of each pair @param positives as many
 */
export function learnWhitening(
  rows: ArrayLike<number>,
  dim: number,
  queries: ArrayLike<number>,
  positives: ArrayLike<number>,
): Whitening & { readonly diagonalBoost: number } {
  const pairs = queries.length;
  if (pairs === 0 || positives.length !== pairs)
    throw new UsageError("NoPairs", `whitening: expected pairs of rows, got ${pairs} and ${positives.length}`);
  const n = rows.length / dim;
  const mean = new Float64Array(dim);
  const scatter = new Float64Array(dim * dim);
  const difference = new Float64Array(dim);
  for (let p = 0; p < pairs; p++) {
    for (let i = 0; i < dim; i++) {
      const q = rows[queries[p] * dim + i];
      mean[i] += q / pairs;
      difference[i] = q - rows[positives[p] * dim + i];
    }
    addOuter(scatter, difference, 1 / pairs);
  }
  const { lower, boost } = cholesky(scatter, dim);
  const inverse = invertLower(lower, dim);
  const turned = new Float64Array(dim * dim);
  const centred = new Float64Array(dim);
  for (let r = 0; r < n; r++) {
    for (let i = 0; i < dim; i++) centred[i] = rows[r * dim + i] - mean[i];
    addOuter(turned, multiply(inverse, centred, dim), 1);
  }
  const { vectors } = symmetricEigen(turned, dim);
  const projection = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++)
    for (let k = 0; k < dim; k++) {
      const v = vectors[i * dim + k];
      for (let j = 0; j <= k; j++) projection[i * dim + j] += v * inverse[k * dim + j];
    }
  return { dim, outputDim: dim, mean, projection, eigenvalues: new Float64Array(0), diagonalBoost: boost };
}

function addOuter(matrix: Float64Array, v: Float64Array, weight: number): void {
  const n = v.length;
  for (let i = 0; i < n; i++) {
    const w = weight * v[i];
    for (let j = 0; j < n; j++) matrix[i * n + j] += w * v[j];
  }
}

function multiply(matrix: Float64Array, v: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j] * v[j];
    out[i] = sum;
  }
  return out;
}
