/** @file PCA whitening with shrinkage, and the 1×1 convolution that it initialises (spec: fire.md §5.2, cirtorch.md §5). */
import { NumericError } from "../../base/errors.js";
import type { Covariance } from "./covariance.js";
import { symmetricEigen } from "./symmetric-eigen.js";

/** y = P·(x − m). */
export interface Whitening {
  readonly dim: number;
  /** Rows of `projection`. */
  readonly outputDim: number;
  /** dim values. */
  readonly mean: Float64Array;
  /** outputDim × dim, components in descending order of variance; the sign of each is arbitrary. */
  readonly projection: Float64Array;
  /** All of the covariance, descending; empty where the projection was learned from pairs. */
  readonly eigenvalues: Float64Array;
}

/** Eigenvalues are raised to this, as in the reference. */
const CLIP = 1e-14;
/** A component with less than this share of the largest variance is rounding noise. */
const NOISE = 1e-12;

/**
 * The leading components of descriptors, each scaled by λ^(−shrinkage/2).
 * @param shrinkage 1 whitens fully, 0 only rotates
 * @throws NumericError when the descriptors do not span that many dimensions: too few of them, or constant values among them
 */
export function pcaWhitening(statistics: Covariance, outputDim: number, shrinkage = 1): Whitening {
  const { dim, count } = statistics;
  if (outputDim > dim)
    throw new NumericError("TooManyComponents", `whitening: ${outputDim} components of ${dim}-dimensional descriptors`);
  if (count <= outputDim)
    throw new NumericError(
      "TooFewSamples",
      `whitening: ${outputDim} components need at least ${outputDim + 1} descriptors, got ${count}; use more images (initialize_dim_reduction.images) or a smaller model.dim_reduction.dim`,
    );
  const { mean, covariance } = statistics.result();
  const { values, vectors } = symmetricEigen(covariance, dim);
  const spanned = values.findIndex((v) => v <= Math.max(CLIP, NOISE * values[0]));
  if (spanned >= 0 && spanned < outputDim)
    throw new NumericError(
      "TooFewSamples",
      `whitening: ${count} descriptors span only ${spanned} of the ${outputDim} components wanted; use more or more varied images (initialize_dim_reduction.images)`,
    );
  const projection = vectors.slice(0, outputDim * dim);
  for (let i = 0; i < outputDim; i++) {
    const scale = values[i] ** (-shrinkage / 2);
    for (let k = i * dim; k < (i + 1) * dim; k++) projection[k] *= scale;
  }
  return { dim, outputDim, mean, projection, eigenvalues: values };
}

/** Weight [outputDim, dim, 1, 1] and bias −P·m of the convolution that does the same. */
export function asConvolution({ dim, outputDim, mean, projection }: Whitening): {
  weight: Float32Array;
  bias: Float32Array;
} {
  const bias = new Float32Array(outputDim);
  for (let i = 0; i < outputDim; i++) {
    let sum = 0;
    for (let k = 0; k < dim; k++) sum += projection[i * dim + k] * mean[k];
    bias[i] = -sum;
  }
  return { weight: Float32Array.from(projection), bias };
}

/** y = P·(x − m), each divided by (‖y‖ + 1e-6). @param rows n × dim @returns n × outputDim */
export function applyWhitening({ dim, outputDim, mean, projection }: Whitening, rows: ArrayLike<number>): Float64Array {
  const n = rows.length / dim;
  const out = new Float64Array(n * outputDim);
  const centred = new Float64Array(dim);
  for (let r = 0; r < n; r++) {
    for (let k = 0; k < dim; k++) centred[k] = rows[r * dim + k] - mean[k];
    let norm = 0;
    for (let i = 0; i < outputDim; i++) {
      let sum = 0;
      for (let k = 0; k < dim; k++) sum += projection[i * dim + k] * centred[k];
      out[r * outputDim + i] = sum;
      norm += sum * sum;
    }
    const scale = 1 / (Math.sqrt(norm) + 1e-6);
    for (let i = r * outputDim; i < (r + 1) * outputDim; i++) out[i] *= scale;
  }
  return out;
}
