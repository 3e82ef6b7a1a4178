/** @file The same rows for each image of a batch: LIT's templates before the first round. */
import { expect, type Op, size } from "../op.js";
import { groupsFor } from "./launch.js";
import { totalOf } from "./reduce-columns.js";

export interface RepeatRowsAttrs {
  readonly times: number;
}

export const repeatRows: Op<RepeatRowsAttrs> = {
  name: "repeatRows",
  inputs: ["rows [R,C]"],
  shape({ times }, [x]) {
    expect(x.length === 2 && x[1] % 4 === 0, "repeatRows", "rows", "[R, C] with C a multiple of 4", x);
    return [times * x[0], x[1]];
  },
  forward(device, [x], a, output) {
    const count = output.elements / 4;
    device.dispatch({
      shader: "select/repeat_rows.wgsl",
      constants: {},
      reads: [x],
      writes: [output],
      params: [x.elements / 4, count],
      groups: groupsFor(count),
      label: `repeatRows/${a.times}x${x.shape.join("x")}`,
      cost: this.cost(a, [x.shape], output.shape),
    });
  },
  reference([x], { times }) {
    return Float64Array.from({ length: times * x.data.length }, (_, i) => x.data[i % x.data.length]);
  },
  gradient: ({ device, attrs, inputs: [x], outputGradient }) => [totalOf(device, outputGradient, attrs.times, x.shape)],
  cost: (_a, [x], output) => ({ flops: 0, bytes: 4 * (size(x) + size(output)) }),
};
