/**
 * @file A loss for networks that begin from nothing: the pairs of a batch are each other's negatives (van den Oord et al.
 * 2018, "InfoNCE"; Chen et al. 2020). Super-feature n of a query shall be more like super-feature n of its own positive
 * than of all other positives of the batch, and the other way round:
 *
 *   S_ij = q_i·p_j / τ        loss = weight · Σ_n Σ_i ½·(logΣ_j exp S_ij − S_ii  +  logΣ_j exp S_ji − S_ii)
 *
 * FIRe's own loss wants matches, of which such a network has few and is rewarded for having fewer; and of the images of a
 * tuple it compares each with the query alone, this one all with all.
 */
import type { LossAndGradients } from "./contrastive.js";
import { normaliseBackward, normaliseRows, type Rows } from "./normalise.js";

export interface BatchContrastOptions {
  readonly weight: number;
  /** τ: the smaller, the more the likest of the others count. */
  readonly temperature: number;
}

/**
 * @param features query, positive, query, positive …: N × dim rows each, not normalised
 * @returns loss and gradients with respect to those rows
 */
export function batchContrast(
  features: readonly Rows[],
  dim: number,
  { weight, temperature }: BatchContrastOptions,
): LossAndGradients {
  const rows = features.map((f) => normaliseRows(f, dim));
  const gradients = rows.map(({ unit }) => new Float64Array(unit.length));
  const pairs = features.length / 2;
  const likeness = new Float64Array(pairs * pairs);
  let loss = 0;
  for (let at = 0; at < features[0].length; at += dim) {
    for (let i = 0; i < pairs; i++)
      for (let j = 0; j < pairs; j++)
        likeness[i * pairs + j] = dot(rows[2 * i].unit, rows[2 * j + 1].unit, at, dim) / temperature;
    const { value, slope } = crossEntropies(likeness, pairs);
    loss += weight * value;
    for (let i = 0; i < pairs; i++)
      for (let j = 0; j < pairs; j++) {
        const g = (weight * slope[i * pairs + j]) / temperature;
        const [a, b] = [rows[2 * i].unit, rows[2 * j + 1].unit];
        const [da, db] = [gradients[2 * i], gradients[2 * j + 1]];
        for (let d = at; d < at + dim; d++) {
          da[d] += g * b[d];
          db[d] += g * a[d];
        }
      }
  }
  return { loss, gradients: rows.map((r, i) => normaliseBackward(r, gradients[i])) };
}

/** Σ_i of half the cross entropies of row i and of column i, both with entry i as the right one; and the slope in S. */
function crossEntropies(s: Float64Array, n: number): { value: number; slope: Float64Array } {
  const slope = new Float64Array(n * n);
  let value = 0;
  for (const [across, along] of [
    [n, 1],
    [1, n],
  ])
    for (let i = 0; i < n; i++) {
      const first = i * across;
      let most = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < n; j++) most = Math.max(most, s[first + j * along]);
      let sum = 0;
      for (let j = 0; j < n; j++) sum += Math.exp(s[first + j * along] - most);
      for (let j = 0; j < n; j++) slope[first + j * along] += (0.5 * Math.exp(s[first + j * along] - most)) / sum;
      slope[first + i * along] -= 0.5;
      value += 0.5 * (most + Math.log(sum) - s[first + i * along]);
    }
  return { value, slope };
}

function dot(a: Float64Array, b: Float64Array, at: number, dim: number): number {
  let sum = 0;
  for (let i = at; i < at + dim; i++) sum += a[i] * b[i];
  return sum;
}
