/**
 * @file Matrix products of a batch: each image's rows times its own packed right operand, in float32. LIT's products of
 * queries with keys and of attention with values are such, in training.
 */
import type { Exec } from "../exec.js";
import { expect, type Op, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { wholeBindings } from "../windows.js";
import { batchedProduct } from "./batched-product.js";
import { matmul } from "./conv2d.js";
import { turn } from "./conv2d-gradient.js";
import { batchedWeightGradient } from "./conv2d-weight-gradient.js";
import { PANEL } from "./pack.js";

export interface BatchedMatmulAttrs {
  /** Of the result, a multiple of 4. */
  readonly columns: number;
}

export const batchedMatmul: Op<BatchedMatmulAttrs> = {
  name: "batchedMatmul",
  inputs: ["rows [n·M,K]", "packed [n,panels,K,32]"],
  shape({ columns }, [x, w]) {
    const [n, panels, K] = w;
    const wanted = [n, Math.ceil(columns / PANEL), K, PANEL];
    expect(w.length === 4 && panels === wanted[1] && w[3] === PANEL, "batchedMatmul", "packed operands", wanted, w);
    expect(x.length === 2 && x[0] % n === 0, "batchedMatmul", "rows", `a multiple of ${n}`, x);
    expect(x[1] === K && K % 4 === 0, "batchedMatmul", "columns of the rows", `${K}, a multiple of 4`, x[1]);
    expect(columns % 4 === 0, "batchedMatmul", "columns", "a multiple of 4", columns);
    return [x[0], columns];
  },
  forward(device, [x, w], _a, output) {
    wholeBindings(device, "batchedMatmul", x, w, output);
    batchedProduct(device, x, w, output, "batchedMatmul");
  },
  reference([x, w], { columns }) {
    const [n, panels, K] = w.shape;
    const M = x.shape[0] / n;
    const y = new Float64Array(n * M * columns);
    for (let r = 0; r < n * M; r++)
      for (let c = 0; c < columns; c++) {
        const panel = Math.floor(r / M) * panels + Math.floor(c / PANEL);
        let sum = 0;
        for (let k = 0; k < K; k++) sum += x.data[r * K + k] * w.data[(panel * K + k) * PANEL + (c % PANEL)];
        y[r * columns + c] = sum;
      }
    return y;
  },
  gradient({ device, attrs, inputs: [x, w], outputGradient, needed }) {
    let dx: Tensor | null = null;
    if (needed[0]) {
      const K = x.shape[1];
      dx = device.empty(x.shape, "f32", "batchedMatmul gradient");
      const turned = device.derived(w, "turned", () => turn(device, w, 1, K, attrs.columns));
      batchedProduct(device, outputGradient, turned, dx, "batchedMatmulGradient");
    }
    return [dx, needed[1] ? batchedWeightGradient(device, x, outputGradient, w.shape) : null];
  },
  cost: (_a, [x, w], out) => ({ flops: 2 * size(out) * x[1], bytes: 4 * (size(x) + size(w) + size(out)) }),
};

/** Rows [n·M, K] times packed operands [n, panels, K, 32] → [n·M, columns]; one alone goes the way of `matmul`. */
export function matmulEach(exec: Exec, rows: Tensor, packed: Tensor, columns: number): Tensor {
  const [n, ...one] = packed.shape;
  return n === 1 ? matmul(exec, rows, packed.view(one), columns) : exec.run(batchedMatmul, [rows, packed], { columns });
}
