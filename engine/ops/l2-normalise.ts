/** @file Rows of nearly unit length, x / (‖x‖ + ε): cirtorch's L2N adds its epsilon to the norm (solar-global.md §3). */
import { expect, type Op, size } from "../op.js";
import { wholeBindings } from "../windows.js";
import { rowReduction } from "./launch.js";

export interface L2NormaliseAttrs {
  /** Added to the norm. */
  readonly epsilon: number;
}

export const l2Normalise: Op<L2NormaliseAttrs> = {
  name: "l2Normalise",
  inputs: ["rows [R,C]"],
  shape(_a, [x]) {
    expect(x.length === 2 && x[1] % 4 === 0, "l2Normalise", "rows", "[R, C] with C a multiple of 4", x);
    return [...x];
  },
  forward(device, [x], a, output) {
    const [R, C] = x.shape;
    wholeBindings(device, "l2Normalise", x);
    device.dispatch({
      shader: "norm/l2_normalise.wgsl",
      constants: rowReduction(device),
      reads: [x],
      writes: [output],
      params: [R, C / 4, { f32: a.epsilon }],
      groups: R,
      label: `l2Normalise/${R}x${C}`,
      cost: this.cost(a, [x.shape], output.shape),
    });
  },
  reference([x], a) {
    const C = x.shape[1];
    const y = new Float64Array(x.data.length);
    for (let at = 0; at < y.length; at += C) {
      const row = x.data.subarray(at, at + C);
      const divisor = Math.sqrt(row.reduce((s, v) => s + v * v, 0)) + a.epsilon;
      y.set(
        row.map((v) => v / divisor),
        at,
      );
    }
    return y;
  },
  gradient({ device, attrs: a, inputs: [x], outputGradient }) {
    const [R, C] = x.shape;
    const dx = device.empty(x.shape, "f32", "l2Normalise gradient");
    device.dispatch({
      shader: "norm/l2_normalise_gradient.wgsl",
      constants: rowReduction(device),
      reads: [x, outputGradient],
      writes: [dx],
      params: [R, C / 4, { f32: a.epsilon }],
      groups: R,
      label: `l2NormaliseGradient/${R}x${C}`,
      cost: { flops: 8 * R * C, bytes: 12 * R * C },
    });
    return [dx];
  },
  cost: (_a, [x]) => ({ flops: 3 * size(x), bytes: 8 * size(x) }),
};
