/** @file Launches of the gradients of ops with one number a row (shaders/train/row_gradient.wgsl and row_dot.wgsl). */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import { groupsFor, rowReduction } from "./launch.js";

const SPREAD = { rowSum: 0, rowNorm: 1, divideRows: 2, weightedSum: 3 } as const;
const DOT = { divideRows: 0, weightedSum: 1 } as const;

/**
 * Gradient with respect to rows x [R, C] from the rows' numbers f [R] and the output's gradient g. A weighted sum's rows
 * are those of so many images, with blocks of 64 of their own.
 */
export function rowGradient(
  device: Device,
  op: keyof typeof SPREAD,
  x: Tensor,
  f: Tensor,
  g: Tensor,
  images = 1,
): Tensor {
  const C4 = x.shape[1] / 4;
  const y = device.empty(x.shape, "f32", `${op} gradient`);
  device.dispatch({
    shader: "train/row_gradient.wgsl",
    constants: { KIND: SPREAD[op] },
    reads: [x, f, g],
    writes: [y],
    params: [x.elements / 4, C4, ...blocksOf(x, images)],
    groups: groupsFor(x.elements / 4),
    label: `${op}Gradient/${x.shape.join("x")}`,
    cost: { flops: 2 * x.elements, bytes: 8 * x.elements },
  });
  return y;
}

/** Gradient with respect to the number of each row: products of a [R, C] with the rows of b. */
export function rowDot(device: Device, op: keyof typeof DOT, a: Tensor, b: Tensor, f: Tensor, images = 1): Tensor {
  const [R, C] = a.shape;
  const d = device.empty([R], "f32", `${op} gradient`);
  device.dispatch({
    shader: "train/row_dot.wgsl",
    constants: { KIND: DOT[op], ...rowReduction(device) },
    reads: [a, b, f],
    writes: [d],
    params: [R, C / 4, ...blocksOf(a, images)],
    groups: R,
    label: `${op}DotGradient/${R}x${C}`,
    cost: { flops: 2 * R * C, bytes: 8 * R * C },
  });
  return d;
}

/** Rows of an image, and blocks of 64 of them. */
function blocksOf(x: Tensor, images: number): [rows: number, blocks: number] {
  const rows = x.shape[0] / images;
  return [rows, Math.ceil(rows / 64)];
}
