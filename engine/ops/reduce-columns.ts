/** @file Column sums in two steps, for gradients of biases and of layer norm's weights: partial sums, then their total. */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";

/** Rows that one invocation adds up. */
const CHUNK = 128;

/** As `totalOf`, taking x over: a single part becomes the total itself. */
export function sumParts(device: Device, x: Tensor, parts: number, shape: readonly number[]): Tensor {
  if (parts === 1) return x.reshape(shape);
  const y = totalOf(device, x, parts, shape);
  x.free();
  return y;
}

/** Adds `parts` consecutive blocks of equal size, in order: [parts, …] → `shape`, whose size is a multiple of four. */
export function totalOf(device: Device, x: Tensor, parts: number, shape: readonly number[]): Tensor {
  const y = device.empty(shape, "f32", "sumParts");
  const count4 = y.elements / 4;
  device.dispatch({
    shader: "train/sum_parts.wgsl",
    constants: {},
    reads: [x],
    writes: [y],
    params: [count4, parts],
    groups: groupsFor(count4),
    label: `sumParts/${parts}x${y.elements}`,
    cost: { flops: x.elements, bytes: 4 * (x.elements + y.elements) },
  });
  return y;
}

/**
 * Σ over rows of a [R, C] → [C]; with `times` Σ a·b; with `statistics` [R, 2] of (mean, scale) too, Σ a·(b − mean)·scale.
 */
export function columnSum(device: Device, a: Tensor, C: number, times?: { b: Tensor; statistics?: Tensor }): Tensor {
  const rows = a.elements / C;
  const chunks = Math.ceil(rows / CHUNK);
  const partial = device.empty([chunks, C], "f32", "columnSum");
  device.dispatch({
    shader: "train/column_sum.wgsl",
    constants: { TIMES: times ? 1 : 0, NORMED: times?.statistics ? 1 : 0 },
    reads: [a, times?.b ?? a, times?.statistics ?? a],
    writes: [partial],
    params: [rows, C / 4, CHUNK, chunks],
    groups: groupsFor((chunks * C) / 4, 32),
    label: `columnSum/${rows}x${C}`,
    cost: { flops: (times ? 2 : 1) * a.elements, bytes: 4 * a.elements * (times ? 2 : 1) },
  });
  return sumParts(device, partial, chunks, [C]);
}
