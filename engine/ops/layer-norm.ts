/** @file Layer normalisation of rows, affine, biased variance (LIT: fire.md §1.2). */
import type { Device } from "../device.js";
import { expect, type Op, pad4, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { rowStrips, windowOf } from "../windows.js";
import { rowReduction } from "./launch.js";
import { resizeRows } from "./pad-rows.js";
import { normedColumnSums } from "./reduce-columns.js";

export interface LayerNormAttrs {
  readonly epsilon: number;
  /** Columns that count; those beyond are padding, zeros in and out. Default: all. */
  readonly columns?: number;
}

export const layerNorm: Op<LayerNormAttrs> = {
  name: "layerNorm",
  inputs: ["rows [R,C]", "weight [C]", "bias [C]"],
  shape(a, [x, w, b]) {
    expect(x.length === 2 && x[1] % 4 === 0, "layerNorm", "rows", "[R, C] with C a multiple of 4", x);
    const counted = columnsOf(a, x);
    expect(
      counted > 0 && pad4(counted) === x[1],
      "layerNorm",
      "columns that count",
      `${x[1]}, or up to three less`,
      counted,
    );
    expect(size(w) === x[1] && size(b) === x[1], "layerNorm", "weight and bias", [x[1]], [size(w), size(b)]);
    return [...x];
  },
  forward(device, [x, weight, bias], a, output) {
    const [R, C] = x.shape;
    const rows = {
      outRows: R,
      outRowBytes: C * 4,
      inRows: R,
      inRowBytes: C * 4,
      needs: (i: number, j: number) => [i, j] as [number, number],
    };
    for (const s of rowStrips(device, rows)) {
      const input = windowOf(device, x, s.in0 * C, s.in1 * C);
      const out = windowOf(device, output, s.out0 * C, s.out1 * C);
      const count = s.out1 - s.out0;
      device.dispatch({
        shader: "norm/layer_norm.wgsl",
        constants: rowReduction(device),
        reads: [input.window, weight, bias],
        writes: [out.window],
        params: [count, C / 4, input.shift / 4, out.shift / 4, { f32: a.epsilon }, s.out0, columnsOf(a, x.shape)],
        groups: count,
        label: `layerNorm/${R}x${C}`,
        cost: this.cost(a, [[count, C]], [count, C]),
      });
    }
  },
  reference([x, w, b], a) {
    const [R, C] = x.shape;
    const counted = columnsOf(a, x.shape);
    const y = new Float64Array(R * C);
    for (let r = 0; r < R; r++) {
      const row = x.data.subarray(r * C, r * C + counted);
      const mean = row.reduce((s, v) => s + v, 0) / counted;
      const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / counted;
      for (let c = 0; c < counted; c++)
        y[r * C + c] = ((row[c] - mean) / Math.sqrt(variance + a.epsilon)) * w.data[c] + b.data[c];
    }
    return y;
  },
  gradient({ device, attrs: a, inputs: [x, weight], outputGradient, needed }) {
    const [R, C] = x.shape;
    const dx = device.empty(x.shape, "f32", "layerNorm gradient");
    const statistics = device.empty([R, 2], "f32", "layerNorm statistics");
    device.dispatch({
      shader: "norm/layer_norm_gradient.wgsl",
      constants: rowReduction(device),
      reads: [x, weight, outputGradient],
      writes: [dx, statistics],
      params: [R, C / 4, { f32: a.epsilon }, columnsOf(a, x.shape)],
      groups: R,
      label: `layerNormGradient/${R}x${C}`,
      cost: { flops: 16 * R * C, bytes: 12 * R * C },
    });
    if (!needed[1] && !needed[2]) return [dx, null, null];
    const sums = normedColumnSums(device, outputGradient, x, statistics);
    const counted = columnsOf(a, x.shape);
    const [dBias, dWeight] = counted === C ? sums : sums.map((s) => withoutPadding(device, s, counted));
    return [dx, dWeight, dBias];
  },
  cost: (_a, [x]) => ({ flops: 8 * size(x), bytes: 8 * size(x) }),
};

const columnsOf = (a: LayerNormAttrs, [, C]: readonly number[]): number => a.columns ?? C;

/** The same values with zeros from column `counted` on. */
function withoutPadding(device: Device, row: Tensor, counted: number): Tensor {
  const cut = device.empty([counted]);
  const padded = device.empty(row.shape);
  resizeRows(device, row, row.elements, cut, counted);
  resizeRows(device, cut, counted, padded, row.elements);
  return padded;
}
