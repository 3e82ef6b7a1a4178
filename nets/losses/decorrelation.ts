/**
 * @file FIRe's loss that keeps attention maps apart (spec: fire.md §5.6). For rows â_n of unit length and C = Â·Âᵀ the term
 * of an image is (ΣC − trace C) / (N(N−1)). Since ΣC = ‖Σ_n â_n‖², neither C nor its gradient needs N² work:
 * ∂/∂â_n = 2·(Σ_m â_m − â_n) / (N(N−1)). Training has the device do it (engine/ops/decorrelation.ts): maps are large. This
 * is the same in float64.
 */
import type { LossAndGradients } from "./contrastive.js";
import { normaliseBackward, normaliseRows, type Rows } from "./normalise.js";

/**
 * Sum over images, times `weight`. A single template has nothing to be apart from: its term is 0.
 * @param maps the attention of each image, N × L rows (L differs between images), not normalised
 */
export function decorrelationLoss(maps: readonly Rows[], templates: number, weight: number): LossAndGradients {
  const pairs = templates * (templates - 1);
  let loss = 0;
  const gradients = maps.map((map) => {
    if (pairs === 0) return new Float32Array(map.length);
    const locations = map.length / templates;
    const rows = normaliseRows(map, locations);
    const sum = new Float64Array(locations);
    let trace = 0;
    for (let i = 0, l = 0; i < map.length; i++, l++) {
      if (l === locations) l = 0;
      sum[l] += rows.unit[i];
      trace += rows.unit[i] * rows.unit[i];
    }
    const total = sum.reduce((t, v) => t + v * v, 0);
    loss += (weight * (total - trace)) / pairs;
    const gradient = new Float64Array(map.length);
    for (let i = 0, l = 0; i < map.length; i++, l++) {
      if (l === locations) l = 0;
      gradient[i] = (2 * weight * (sum[l] - rows.unit[i])) / pairs;
    }
    return normaliseBackward(rows, gradient);
  });
  return { loss, gradients };
}
