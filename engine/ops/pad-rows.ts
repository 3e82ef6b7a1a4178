/** @file Rows whose length is made a multiple of four by zeros, as all kernels want them: parameters of odd sizes. */
import type { Device } from "../device.js";
import { expect, type Op, pad4, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";

export const padRows: Op<Record<string, never>> = {
  name: "padRows",
  inputs: ["rows [R,C]"],
  shape(_a, [x]) {
    expect(x.length === 2, "padRows", "rows", "[R, C]", x);
    return [x[0], pad4(x[1])];
  },
  forward(device, [x], _a, output) {
    resizeRows(device, x, x.shape[1], output, output.shape[1]);
  },
  reference([x]) {
    const [R, C] = x.shape;
    const y = new Float64Array(R * pad4(C));
    for (let r = 0; r < R; r++) y.set(x.data.subarray(r * C, (r + 1) * C), r * pad4(C));
    return y;
  },
  gradient({ device, inputs: [x], outputGradient }) {
    const gradient = device.empty(x.shape, "f32", "padRows gradient");
    // the output may have been given another shape since
    resizeRows(device, outputGradient, pad4(x.shape[1]), gradient, x.shape[1]);
    return [gradient];
  },
  cost: (_a, [x], output) => ({ flops: 0, bytes: 4 * (size(x) + size(output)) }),
};

/** Rows of `after` columns from rows of `before`: the `width` from `first` on, by default all that both have; zeros behind. */
export function resizeRows(
  device: Device,
  x: Tensor,
  before: number,
  y: Tensor,
  after: number,
  [first, width] = [0, Math.min(before, after)],
): void {
  device.dispatch({
    shader: "select/pad_rows.wgsl",
    constants: {},
    reads: [x],
    writes: [y],
    params: [before, after, first, width, y.elements],
    groups: groupsFor(y.elements),
    label: `padRows/${before}>${after}`,
    cost: { flops: 0, bytes: 4 * (x.elements + y.elements) },
  });
}
