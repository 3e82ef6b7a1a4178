/** @file The channels of two maps behind one another, as SqueezeNet's fire modules join their branches. */
import { expect, type Op, pad4, size } from "../op.js";
import { wholeBindings } from "../windows.js";
import { groupsFor } from "./launch.js";
import { resizeRows } from "./pad-rows.js";

export interface ConcatAttrs {
  /** Of each input: how many of its channels count, the rest being padding. */
  readonly channels: readonly [number, number];
}

export const concatChannels: Op<ConcatAttrs> = {
  name: "concatChannels",
  inputs: ["first [N,H,W,A]", "second [N,H,W,B]"],
  shape({ channels: [first, second] }, [a, b]) {
    const wanted = [...a.slice(0, 3), pad4(second)];
    expect(a.length === 4 && a[3] === pad4(first), "concatChannels", "channels of the first", pad4(first), a[3]);
    expect(b.join() === wanted.join(), "concatChannels", "second map", wanted, b);
    return [...a.slice(0, 3), pad4(first + second)];
  },
  forward(device, [a, b], { channels: [first, second] }, output) {
    wholeBindings(device, "concatChannels", a, b, output);
    const vec = first % 4 === 0 && second % 4 === 0;
    const step = vec ? 4 : 1;
    const widths = [a.shape[3], b.shape[3], output.shape[3], first, second, output.elements];
    device.dispatch({
      shader: "select/concat_columns.wgsl",
      constants: { VEC: vec ? 1 : 0 },
      reads: [a, b],
      writes: [output],
      params: widths.map((n) => n / step),
      groups: groupsFor(output.elements / step),
      label: `concatChannels/${first}+${second}`,
      cost: this.cost({ channels: [first, second] }, [a.shape, b.shape], output.shape),
    });
  },
  reference([a, b], { channels: [first, second] }) {
    const [A, B, C] = [pad4(first), pad4(second), pad4(first + second)];
    const y = new Float64Array((a.data.length / A) * C);
    for (let r = 0; r * A < a.data.length; r++) {
      y.set(a.data.subarray(r * A, r * A + first), r * C);
      y.set(b.data.subarray(r * B, r * B + second), r * C + first);
    }
    return y;
  },
  gradient({ device, attrs: { channels }, inputs, output, outputGradient, needed }) {
    const firsts = [0, channels[0]];
    return inputs.map((x, i) => {
      if (!needed[i]) return null;
      const dx = device.empty(x.shape, "f32", "concatChannels gradient");
      resizeRows(device, outputGradient, output.shape[3], dx, x.shape[3], [firsts[i], channels[i]]);
      return dx;
    });
  },
  cost: (_a, [a, b], output) => ({ flops: 0, bytes: 4 * (size(a) + size(b) + size(output)) }),
};
