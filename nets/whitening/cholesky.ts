/** @file Cholesky factor of a positive semi-definite matrix, made definite by a small growing diagonal where it is not. */
import { NumericError } from "../../base/errors.js";

/**
 * Lower L with L·Lᵀ = A + boost·I. The boost is 0 if that works, else 1e-10, 1e-9, … as in the reference.
 * A pivot within rounding of zero counts as a failure: whether such a matrix passes would else depend on the last bit.
 * @throws NumericError when no boost up to the size of the matrix helps: it is not a covariance
 */
export function cholesky(matrix: Float64Array, n: number): { lower: Float64Array; boost: number } {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(matrix[i * n + i]));
  const least = n * Number.EPSILON * largest;
  for (let boost = 0; boost <= Math.max(1e-10, largest); boost = boost === 0 ? 1e-10 : 10 * boost) {
    const lower = factor(matrix, n, boost, least);
    if (lower) return { lower, boost };
  }
  throw new NumericError(
    "NotPositive",
    "whitening: the scatter of the pairs is not positive definite; are all pairs equal?",
  );
}

function factor(matrix: Float64Array, n: number, boost: number, least: number): Float64Array | undefined {
  const lower = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = matrix[i * n + j] + (i === j ? boost : 0);
      for (let k = 0; k < j; k++) sum -= lower[i * n + k] * lower[j * n + k];
      if (i > j) lower[i * n + j] = sum / lower[j * n + j];
      else if (sum > least) lower[j * n + j] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return lower;
}

/** Inverse of a lower triangular matrix, lower triangular too. */
export function invertLower(lower: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    inverse[row + i] = 1;
    for (let k = 0; k < i; k++) {
      const l = lower[row + k];
      for (let j = 0; j <= k; j++) inverse[row + j] -= l * inverse[k * n + j];
    }
    for (let j = 0; j <= i; j++) inverse[row + j] /= lower[row + i];
  }
  return inverse;
}
