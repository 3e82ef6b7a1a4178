/** @file Some neighbouring rows of a tensor, for example one image's of a batch. */
import { expect, type Op, size } from "../op.js";
import { groupsFor } from "./launch.js";

export interface SliceRowsAttrs {
  readonly first: number;
  readonly count: number;
}

/** Rows [first, first + count) of x [R, …]: [count, …]. */
export const sliceRows: Op<SliceRowsAttrs> = {
  name: "sliceRows",
  inputs: ["rows [R, …]"],
  shape({ first, count }, [[rows, ...rest]]) {
    expect(first >= 0 && count >= 1 && first + count <= rows, "sliceRows", "rows", `within 0 to ${rows}`, [
      first,
      count,
    ]);
    return [count, ...rest];
  },
  forward(device, [x], a, output) {
    const begin = (a.first * x.elements) / x.shape[0];
    device.dispatch({
      shader: "select/copy_rows.wgsl",
      constants: {},
      reads: [x],
      writes: [output],
      params: [output.elements, 0, begin],
      groups: groupsFor(output.elements),
      label: `sliceRows/${output.shape.join("x")}`,
      cost: this.cost(a, [x.shape], output.shape),
    });
  },
  reference([x], { first, count }) {
    const row = x.data.length / x.shape[0];
    return x.data.slice(first * row, (first + count) * row);
  },
  gradient({ device, attrs, inputs: [x], outputGradient }) {
    const dx = device.empty(x.shape, "f32", "sliceRows gradient");
    const row = x.elements / x.shape[0];
    device.dispatch({
      shader: "select/embed_rows.wgsl",
      constants: {},
      reads: [outputGradient],
      writes: [dx],
      params: [dx.elements, attrs.first * row, (attrs.first + attrs.count) * row],
      groups: groupsFor(dx.elements),
      label: `embedRows/${dx.shape.join("x")}`,
      cost: { flops: 0, bytes: 4 * (dx.elements + outputGradient.elements) },
    });
    return [dx];
  },
  cost: (_a, _in, output) => ({ flops: 0, bytes: 8 * size(output) }),
};
