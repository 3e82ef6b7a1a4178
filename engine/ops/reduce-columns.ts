/** @file Column sums in two steps, for gradients of biases and of layer norm: sums of chunks of rows, then their total. */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";

/** Invocations that share four columns, and rows that they add up together. */
const SHARE = { software: { slices: 1, chunk: 512 }, gpu: { slices: 16, chunk: 2048 } };

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

/** Σ over rows of a [R, C] → [C]. */
export function columnSum(device: Device, a: Tensor, C: number): Tensor {
  return launch(device, a, C, [])[0];
}

/** Sums over rows of dy [R, C], plain and times (x − mean)·scale with statistics [R, 2] of x's rows → both [C]. */
export function normedColumnSums(device: Device, dy: Tensor, x: Tensor, statistics: Tensor): [Tensor, Tensor] {
  return launch(device, dy, x.shape[1], [x, statistics]) as [Tensor, Tensor];
}

function launch(device: Device, a: Tensor, C: number, norm: readonly Tensor[]): Tensor[] {
  const rows = a.elements / C;
  const { slices, chunk } = device.caps.software ? SHARE.software : SHARE.gpu;
  const chunks = Math.ceil(rows / chunk);
  const sums = (norm.length ? ["column sums", "normed column sums"] : ["column sums"]).map((label) =>
    device.empty([chunks, C], "f32", label),
  );
  device.dispatch({
    shader: "train/column_sum.wgsl",
    constants: { NORMED: norm.length ? 1 : 0, SLICES: slices },
    reads: [a, ...norm],
    writes: sums,
    params: [rows, C / 4, chunk, chunks],
    groups: groupsFor((chunks * C) / 4, slices > 1 ? 8 : 32),
    label: `columnSum/${rows}x${C}`,
    cost: { flops: (norm.length ? 4 : 1) * a.elements, bytes: 4 * a.elements * (norm.length ? 2 : 1) },
  });
  return sums.map((s) => sumParts(device, s, chunks, [C]));
}
