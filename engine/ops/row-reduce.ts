/** @file One number a row: its sum, or its L2 norm with the epsilon inside the root (strength and attention, fire.md §1.3). */
import { expect, type Op, size } from "../op.js";
import { rowStrips, windowOf } from "../windows.js";
import { rowReduction } from "./launch.js";
import { rowGradient } from "./row-gradients.js";

export interface RowReduceAttrs {
  /** Added under the square root; not used by the sum. */
  readonly epsilon: number;
}

function reduction(name: "rowSum" | "rowNorm"): Op<RowReduceAttrs> {
  return {
    name,
    inputs: ["rows [R,C]"],
    shape(_a, [x]) {
      expect(x.length === 2 && x[1] % 4 === 0, name, "rows", "[R, C] with C a multiple of 4", x);
      return [x[0]];
    },
    forward(device, [x], a, output) {
      const [R, C] = x.shape;
      const rows = {
        outRows: R,
        outRowBytes: 4,
        inRows: R,
        inRowBytes: C * 4,
        needs: (i: number, j: number) => [i, j] as [number, number],
      };
      for (const s of rowStrips(device, rows)) {
        const input = windowOf(device, x, s.in0 * C, s.in1 * C);
        const count = s.out1 - s.out0;
        device.dispatch({
          shader: "norm/row_reduce.wgsl",
          constants: { KIND: name === "rowNorm" ? 1 : 0, ...rowReduction(device) },
          reads: [input.window],
          writes: [output],
          params: [count, C / 4, input.shift / 4, s.out0, { f32: a.epsilon }],
          groups: count,
          label: `${name}/${R}x${C}`,
          cost: this.cost(a, [[count, C]], [count]),
        });
      }
    },
    reference([x], a) {
      const [R, C] = x.shape;
      const y = new Float64Array(R);
      for (let r = 0; r < R; r++) {
        const row = x.data.subarray(r * C, (r + 1) * C);
        y[r] =
          name === "rowSum"
            ? row.reduce((s, v) => s + v, 0)
            : Math.sqrt(row.reduce((s, v) => s + v * v, 0) + a.epsilon);
      }
      return y;
    },
    gradient: ({ device, inputs: [x], output, outputGradient }) => [
      rowGradient(device, name, x, output, outputGradient),
    ],
    cost: (_a, [x]) => ({ flops: 2 * size(x), bytes: 4 * size(x) }),
  };
}

export const rowSum = reduction("rowSum");
export const rowNorm = reduction("rowNorm");
