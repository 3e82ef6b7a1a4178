/** @file LIT's competition: softmax over templates for each location, plus epsilon (fire.md §1.2, steps 4.3–4.4). */
import { expect, type Op, size } from "../op.js";
import { groupsFor } from "./launch.js";

export interface CompeteAttrs {
  /** Locations; columns beyond are padding and become zero. */
  readonly locations: number;
  readonly scale: number;
  readonly epsilon: number;
}

export const compete: Op<CompeteAttrs> = {
  name: "compete",
  inputs: ["logits [N,L]"],
  shape(a, [s]) {
    expect(
      s.length === 2 && s[1] === Math.ceil(a.locations / 4) * 4,
      "compete",
      "logits",
      `[N, ${a.locations} padded to 4]`,
      s,
    );
    return [...s];
  },
  forward(device, [s], a, output) {
    const L4 = s.shape[1] / 4;
    const { software } = device.caps;
    device.dispatch({
      shader: software ? "attention/compete.wgsl" : "attention/compete_workgroup.wgsl",
      constants: {},
      reads: [s],
      writes: [output],
      params: [s.shape[0], a.locations, L4, { f32: a.scale }, { f32: a.epsilon }],
      groups: groupsFor(L4, software ? 32 : 8),
      label: `compete/${s.shape.join("x")}`,
      cost: this.cost(a, [s.shape], output.shape),
    });
  },
  reference([s], a) {
    const [N, L] = s.shape;
    const y = new Float64Array(N * L);
    for (let l = 0; l < a.locations; l++) {
      let top = Number.NEGATIVE_INFINITY;
      for (let n = 0; n < N; n++) top = Math.max(top, s.data[n * L + l]);
      let sum = 0;
      for (let n = 0; n < N; n++) sum += Math.exp((s.data[n * L + l] - top) * a.scale);
      for (let n = 0; n < N; n++) y[n * L + l] = Math.exp((s.data[n * L + l] - top) * a.scale) / sum + a.epsilon;
    }
    return y;
  },
  gradient({ device, attrs: a, output, outputGradient }) {
    const gradient = device.empty(output.shape, "f32", "compete gradient");
    const L4 = output.shape[1] / 4;
    device.dispatch({
      shader: "attention/compete_gradient.wgsl",
      constants: {},
      reads: [output, outputGradient],
      writes: [gradient],
      params: [output.shape[0], a.locations, L4, { f32: a.scale }, { f32: a.epsilon }],
      groups: groupsFor(L4, 32),
      label: `competeGradient/${output.shape.join("x")}`,
      cost: { flops: 6 * output.elements, bytes: 16 * output.elements },
    });
    return [gradient];
  },
  cost: (_a, [s]) => ({ flops: 12 * size(s), bytes: 8 * size(s) }),
};
