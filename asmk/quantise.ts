/** @file Descriptors → nearest visual words (asmk.md §3), on the CPU. */
import { UsageError } from "../base/errors.js";
import { requireFinite } from "../base/finite.js";
import type { Codebook } from "./codebook.js";
import { nearestCentroids, squaredNorms } from "./nearest.js";
import { checkAssignment } from "./parameters.js";

const normsOf = new WeakMap<Codebook, Float64Array>();

/**
 * The `multipleAssignment` nearest words of each descriptor, nearest first; ties to the lower word.
 * Descriptors are used as they are, not L2-normalised. Distances are exact to float64.
 * @param descriptors count × codebook.dim
 * @returns count × multipleAssignment word ids
 * @throws UsageError when more words are asked for than exist, NumericError on NaN or infinity
 */
export function quantise(codebook: Codebook, descriptors: Float32Array, multipleAssignment: number): Int32Array {
  checkAssignment(multipleAssignment, codebook.words);
  const count = descriptorCount(codebook, descriptors);
  let norms = normsOf.get(codebook);
  if (!norms) {
    norms = squaredNorms(codebook.centroids, codebook.dim);
    normsOf.set(codebook, norms);
  }
  const out = new Int32Array(count * multipleAssignment);
  nearestCentroids(descriptors, codebook.centroids, norms, codebook.dim, multipleAssignment, out);
  return out;
}

/**
 * Number of descriptors in an array meant for a codebook.
 * @throws UsageError when it is no whole number, NumericError when a descriptor is not finite
 */
export function descriptorCount(codebook: Codebook, descriptors: Float32Array): number {
  const count = descriptors.length / codebook.dim;
  if (!Number.isInteger(count))
    throw new UsageError(
      "DescriptorShape",
      `asmk: quantise — expected a multiple of ${codebook.dim} values, got ${descriptors.length}; the codebook was made for another dimension?`,
    );
  requireFinite("asmk: descriptors to quantise", descriptors, { dim: codebook.dim });
  return count;
}
