/** @file Rows divided by one number each, alone or added to a base: LIT's L1 normalisation and residual update. */
import { expect, type Op, size } from "../op.js";
import { groupsFor } from "./launch.js";
import { rowDot, rowGradient } from "./row-gradients.js";

export const divideRows: Op<Record<never, never>> = {
  name: "divideRows",
  inputs: ["rows [R,C]", "divisor [R]", "base? [R,C]?"],
  shape(_a, [x, d, base]) {
    expect(x.length === 2 && x[1] % 4 === 0, "divideRows", "rows", "[R, C] with C a multiple of 4", x);
    expect(size(d) === x[0], "divideRows", "divisor", [x[0]], d);
    if (base) expect(size(base) === size(x), "divideRows", "base", x, base);
    return [...x];
  },
  forward(device, [x, divisor, base], a, output) {
    device.dispatch({
      shader: "norm/divide_rows.wgsl",
      constants: { ADD: base ? 1 : 0 },
      reads: [x, divisor, base ?? x],
      writes: [output],
      params: [size(x.shape) / 4, x.shape[1] / 4],
      groups: groupsFor(size(x.shape) / 4),
      label: `divideRows/${x.shape.join("x")}`,
      cost: this.cost(a, [x.shape], output.shape),
    });
  },
  reference([x, d, base]) {
    return x.data.map((v, i) => (base ? base.data[i] : 0) + v / d.data[Math.floor(i / x.shape[1])]);
  },
  gradient({ device, inputs: [x, divisor, base], outputGradient, needed }) {
    const dx = needed[0] ? rowGradient(device, "divideRows", x, divisor, outputGradient) : null;
    const dd = needed[1] ? rowDot(device, "divideRows", x, outputGradient, divisor) : null;
    return base ? [dx, dd, outputGradient] : [dx, dd];
  },
  cost: (_a, [x]) => ({ flops: 2 * size(x), bytes: 12 * size(x) }),
};
