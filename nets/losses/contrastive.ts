/**
 * @file The contrastive loss of one tuple: ½·d(q,p)² + Σ_k ½·max(0, margin − d(q,n_k))², d(a,b) = √Σ(a − b + 1e-6)²
 * (spec: fire.md §5.5, how.md §6, cirtorch.md §4). HOW applies it to global descriptors, FIRe to matched super-features.
 */
import type { Rows } from "./normalise.js";

const EPSILON = 1e-6;

/** A loss and its gradient with respect to each input, in the order of the inputs. */
export interface LossAndGradients {
  readonly loss: number;
  readonly gradients: Float32Array[];
}

/**
 * HOW's loss of one tuple of global descriptors.
 * @param descriptors query, positive, then negatives; equal lengths
 */
export function contrastiveLoss(descriptors: readonly Rows[], margin: number): LossAndGradients {
  const dim = descriptors[0].length;
  const vectors = descriptors.map((d) => Float64Array.from(d));
  const gradients = descriptors.map(() => new Float64Array(dim));
  const loss = addContrastive(vectors, gradients, 0, dim, margin, 1);
  return { loss, gradients: gradients.map((g) => Float32Array.from(g)) };
}

/**
 * Loss of the vectors at one place of each image's rows; gradients are added at the same place.
 * @param vectors query, positive, then negatives @param at first value of the vector in each of them
 */
export function addContrastive(
  vectors: readonly Float64Array[],
  gradients: readonly Float64Array[],
  at: number,
  dim: number,
  margin: number,
  weight: number,
): number {
  const [query] = vectors;
  let loss = 0;
  for (let image = 1; image < vectors.length; image++) {
    const other = vectors[image];
    let sum = 0;
    for (let i = at; i < at + dim; i++) sum += (query[i] - other[i] + EPSILON) ** 2;
    const distance = Math.sqrt(sum);
    const short = margin - distance;
    if (image > 1 && short <= 0) continue;
    loss += 0.5 * weight * (image === 1 ? sum : short * short);
    // d(½d²) = d·∇d and ∇d = (a − b + ε)/d: for the positive the division cancels, at distance 0 there is no direction.
    const factor = weight * (image === 1 ? 1 : distance === 0 ? 0 : -short / distance);
    for (let i = at; i < at + dim; i++) {
      const g = factor * (query[i] - other[i] + EPSILON);
      gradients[0][i] += g;
      gradients[image][i] -= g;
    }
  }
  return loss;
}
