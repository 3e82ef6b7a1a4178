/** @file Choosing the strongest candidates and taking their rows along; joining the parts of several scales. */
import type { Device } from "../device.js";
import { expect, type Op, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";
import { rowDot, rowGradient } from "./row-gradients.js";

/** Most candidates that the selection kernel can tell apart: ties are broken by a 24-bit index. */
const MAX_CANDIDATES = 2 ** 24;

/**
 * Indices of the `keep` strongest of `strengths` [count], strongest first; equal strengths by index ascending.
 * @returns a u32 tensor [keep].
 */
export function strongest(device: Device, strengths: Tensor, keep: number): Tensor {
  const count = strengths.elements;
  expect(
    keep >= 1 && keep <= count && count < MAX_CANDIDATES,
    "strongest",
    "keep",
    `1..${count} (fewer than 2^24)`,
    keep,
  );
  const chosen = device.empty([keep], "u32", "chosen");
  const order = device.empty([keep], "u32", "order");
  device.dispatch({
    shader: "select/threshold.wgsl",
    constants: {},
    reads: [strengths],
    writes: [chosen],
    params: [count, keep],
    groups: 1,
    label: `strongest/${count}`,
    cost: { flops: 0, bytes: 32 * count },
  });
  device.dispatch({
    shader: "select/rank.wgsl",
    constants: {},
    reads: [strengths, chosen],
    writes: [order],
    params: [keep],
    groups: groupsFor(keep, 32),
    label: `rank/${keep}`,
    cost: { flops: keep * keep, bytes: 12 * keep },
  });
  chosen.free();
  return order;
}

/** Rows of x [R, C] in the given order: [n, C]. */
export const gatherRows: Op<Record<never, never>> = {
  name: "gatherRows",
  inputs: ["rows [R,C]", "order [n] u32"],
  shape(_a, [x, order]) {
    expect(x.length === 2 && x[1] % 4 === 0, "gatherRows", "rows", "[R, C] with C a multiple of 4", x);
    return [order[0], x[1]];
  },
  forward(device, [x, order], a, output) {
    const [rows, C] = output.shape;
    device.dispatch({
      shader: "select/gather_rows.wgsl",
      constants: {},
      reads: [x, order],
      writes: [output],
      params: [rows, C / 4],
      groups: groupsFor((rows * C) / 4),
      label: `gatherRows/${rows}x${C}`,
      cost: this.cost(a, [x.shape], output.shape),
    });
  },
  reference([x, order]) {
    const C = x.shape[1];
    const y = new Float64Array(order.data.length * C);
    order.data.forEach((r, i) => {
      y.set(x.data.subarray(r * C, (r + 1) * C), i * C);
    });
    return y;
  },
  gradient: { nonDifferentiable: "used after the features are final" },
  cost: (_a, _in, output) => ({ flops: 0, bytes: 8 * size(output) }),
};

/** Joins tensors along their first dimension. */
export function concatRows(device: Device, parts: readonly Tensor[]): Tensor {
  if (parts.length === 1) return parts[0];
  const rest = parts[0].shape.slice(1);
  for (const p of parts)
    expect(p.shape.slice(1).join() === rest.join(), "concatRows", "row shape", rest, p.shape.slice(1));
  const rows = parts.reduce((n, p) => n + p.shape[0], 0);
  const out = device.empty([rows, ...rest], parts[0].dtype, "concatRows");
  let to = 0;
  for (const p of parts) {
    device.dispatch({
      shader: "select/copy_rows.wgsl",
      constants: {},
      reads: [p],
      writes: [out],
      params: [p.elements, to],
      groups: groupsFor(p.elements),
      label: `concatRows/${p.shape.join("x")}`,
      cost: { flops: 0, bytes: 8 * p.elements },
    });
    to += p.elements;
  }
  return out;
}

export interface WeightedSumAttrs {
  /** The rows are those of so many images, each of equally many. */
  readonly images: number;
}

/** Σ over blocks of 64 rows of an image of weight[r]·x[r, :]: [n·ceil(R/n/64), C]; the caller adds them in float64. */
export const weightedSum: Op<WeightedSumAttrs> = {
  name: "weightedSum",
  inputs: ["rows [R,C]", "weight [R]"],
  shape({ images }, [x, w]) {
    expect(x.length === 2 && x[1] % 4 === 0, "weightedSum", "rows", "[R, C] with C a multiple of 4", x);
    expect(x[0] % images === 0, "weightedSum", "rows", `those of ${images} images`, x);
    expect(size(w) === x[0], "weightedSum", "weight", [x[0]], w);
    return [images * Math.ceil(x[0] / images / 64), x[1]];
  },
  forward(device, [x, weight], a, output) {
    device.dispatch({
      shader: "select/weighted_sum.wgsl",
      constants: {},
      reads: [x, weight],
      writes: [output],
      params: [x.shape[0] / a.images, output.shape[0] / a.images, output.shape[0], x.shape[1] / 4],
      groups: output.shape[0],
      label: `weightedSum/${x.shape.join("x")}`,
      cost: this.cost(a, [x.shape], output.shape),
    });
  },
  reference([x, w], { images }) {
    const [R, C] = x.shape;
    const rows = R / images;
    const blocks = Math.ceil(rows / 64);
    const y = new Float64Array(images * blocks * C);
    for (let r = 0; r < R; r++) {
      const block = Math.floor(r / rows) * blocks + Math.floor((r % rows) / 64);
      for (let c = 0; c < C; c++) y[block * C + c] += w.data[r] * x.data[r * C + c];
    }
    return y;
  },
  gradient({ device, attrs: { images }, inputs: [x, weight], outputGradient, needed }) {
    const dx = needed[0] ? rowGradient(device, "weightedSum", x, weight, outputGradient, images) : null;
    return [dx, needed[1] ? rowDot(device, "weightedSum", x, outputGradient, weight, images) : null];
  },
  cost: (_a, [x]) => ({ flops: 2 * size(x), bytes: 4 * size(x) }),
};
