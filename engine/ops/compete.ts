/**
 * @file LIT's competition: softmax over templates for each location, plus epsilon (fire.md §1.2, steps 4.3–4.4). The rows
 * of a batch of images lie below one another, and each image's templates compete among themselves.
 */
import { expect, type Op, pad4, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";

export interface CompeteAttrs {
  /** Rows of one image. */
  readonly templates: number;
  /** Locations; columns beyond are padding and become zero. */
  readonly locations: number;
  readonly scale: number;
  readonly epsilon: number;
}

export const compete: Op<CompeteAttrs> = {
  name: "compete",
  inputs: ["logits [n·N,L]"],
  shape(a, [s]) {
    expect(
      s.length === 2 && s[0] % a.templates === 0 && s[1] === pad4(a.locations),
      "compete",
      "logits",
      `[a multiple of ${a.templates}, ${a.locations} padded to 4]`,
      s,
    );
    return [...s];
  },
  forward(device, [s], a, output) {
    const { software } = device.caps;
    device.dispatch({
      shader: software ? "attention/compete.wgsl" : "attention/compete_workgroup.wgsl",
      constants: {},
      reads: [s],
      writes: [output],
      params: paramsOf(a, s),
      groups: groupsFor(quadsOf(a, s), software ? 32 : 8),
      label: `compete/${s.shape.join("x")}`,
      cost: this.cost(a, [s.shape], output.shape),
    });
  },
  reference([s], a) {
    const [rows, L] = s.shape;
    const y = new Float64Array(rows * L);
    for (let first = 0; first < rows; first += a.templates)
      for (let l = 0; l < a.locations; l++) {
        const at = Array.from({ length: a.templates }, (_, n) => (first + n) * L + l);
        const top = Math.max(...at.map((i) => s.data[i]));
        const sum = at.reduce((t, i) => t + Math.exp((s.data[i] - top) * a.scale), 0);
        for (const i of at) y[i] = Math.exp((s.data[i] - top) * a.scale) / sum + a.epsilon;
      }
    return y;
  },
  gradient({ device, attrs: a, output, outputGradient }) {
    const gradient = device.empty(output.shape, "f32", "compete gradient");
    device.dispatch({
      shader: "attention/compete_gradient.wgsl",
      constants: {},
      reads: [output, outputGradient],
      writes: [gradient],
      params: paramsOf(a, output),
      groups: groupsFor(quadsOf(a, output), 32),
      label: `competeGradient/${output.shape.join("x")}`,
      cost: { flops: 6 * output.elements, bytes: 16 * output.elements },
    });
    return [gradient];
  },
  cost: (_a, [s]) => ({ flops: 12 * size(s), bytes: 8 * size(s) }),
};

/** Quads of locations of all images: each has an invocation or a row of them. */
const quadsOf = (a: CompeteAttrs, { elements }: Tensor) => elements / 4 / a.templates;

const paramsOf = (a: CompeteAttrs, s: Tensor) => [
  ...[a.templates, a.locations, s.shape[1] / 4, quadsOf(a, s)],
  ...[{ f32: a.scale }, { f32: a.epsilon }],
];
