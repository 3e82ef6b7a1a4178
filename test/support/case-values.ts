/** @file Inputs of op cases: deterministic values, and given ones. */
import { type Array64, size } from "../../engine/op.js";

/** Deterministic values in (−1, 1): sine of a fast irrational rotation, so no two are alike and none is extreme. */
export function values(shape: readonly number[], seed: number, scale = 1): Array64 {
  const data = new Float64Array(size(shape));
  for (let i = 0; i < data.length; i++) data[i] = Math.fround(scale * Math.sin(1.7 + seed * 12.9898 + i * 78.233));
  return { shape, data };
}

/** Given values. */
export const list = (shape: readonly number[], data: ArrayLike<number>): Array64 => ({
  shape,
  data: Float64Array.from(data),
});
