/** @file Rows of unit length, and the way of a gradient back through them: x / max(‖x‖, 1e-12), as torch normalises. */

/** Row-major numbers as they come from the device, or in double precision for tests. */
export type Rows = Float32Array | Float64Array;

const EPSILON = 1e-12;

/** Rows scaled to length 1, with what their gradient needs. */
export interface UnitRows {
  /** rows × dim, float64. */
  readonly unit: Float64Array;
  /** Length of each row before. */
  readonly norms: Float64Array;
  readonly dim: number;
}

/** Normalises each row of `dim` values; rows shorter than 1e-12 are divided by that. */
export function normaliseRows(x: Rows, dim: number): UnitRows {
  const rows = x.length / dim;
  const unit = new Float64Array(x.length);
  const norms = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let i = r * dim; i < (r + 1) * dim; i++) sum += x[i] * x[i];
    norms[r] = Math.sqrt(sum);
    const scale = 1 / Math.max(norms[r], EPSILON);
    for (let i = r * dim; i < (r + 1) * dim; i++) unit[i] = x[i] * scale;
  }
  return { unit, norms, dim };
}

/**
 * Gradient with respect to the rows before normalisation, from that with respect to the unit rows:
 * (g − û·(û·g)) / ‖x‖. A row below 1e-12 was divided by a constant, so its gradient is g / 1e-12.
 */
export function normaliseBackward({ unit, norms, dim }: UnitRows, gradient: Float64Array): Float32Array {
  const out = new Float32Array(unit.length);
  for (let r = 0; r < norms.length; r++) {
    let along = 0;
    if (norms[r] >= EPSILON) for (let i = r * dim; i < (r + 1) * dim; i++) along += unit[i] * gradient[i];
    const scale = 1 / Math.max(norms[r], EPSILON);
    for (let i = r * dim; i < (r + 1) * dim; i++) out[i] = (gradient[i] - along * unit[i]) * scale;
  }
  return out;
}
