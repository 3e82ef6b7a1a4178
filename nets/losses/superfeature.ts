/**
 * @file FIRe's loss on matched super-features (spec: fire.md §5.5): a sum, never a mean, over matches and images.
 */
import { addContrastive, type LossAndGradients } from "./contrastive.js";
import { type Matches, matchSuperfeatures, type RatioTest } from "./matching.js";
import { normaliseBackward, normaliseRows, type Rows } from "./normalise.js";

export interface SuperfeatureLossOptions {
  readonly margin: number;
  readonly weight: number;
  /** Default "index", as published. */
  readonly ratioTest?: RatioTest;
}

/**
 * @param features query, positive, then negatives: N × dim rows each, as the whitening leaves them (not normalised)
 * @returns loss, gradients with respect to those rows, and the matches; without a match all are zero
 */
export function superfeatureLoss(
  features: readonly Rows[],
  dim: number,
  { margin, weight, ratioTest }: SuperfeatureLossOptions,
): LossAndGradients & { readonly matches: Matches } {
  const rows = features.map((f) => normaliseRows(f, dim));
  const units = rows.map((r) => r.unit);
  const matches = matchSuperfeatures(units[0], units[1], dim, ratioTest);
  const gradients = units.map((u) => new Float64Array(u.length));
  let loss = 0;
  for (const id of matches.ids) loss += addContrastive(units, gradients, id * dim, dim, margin, weight);
  return { loss, gradients: rows.map((r, i) => normaliseBackward(r, gradients[i])), matches };
}
