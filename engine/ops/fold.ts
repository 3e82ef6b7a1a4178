/**
 * @file Batch norm with frozen statistics as a change of the convolution before it: w' = w·gamma·s, b' = beta − mean·gamma·s
 * with s = 1/sqrt(var + eps). Activations are never touched, in neither direction; scale and shift still learn.
 */
import type { Device } from "../device.js";
import { expect, type Op, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";

const NONE: Record<never, never> = {};

function fold(device: Device, kind: 0 | 1 | 2, [w, gamma, s]: readonly Tensor[], dw: Tensor, out: Tensor): void {
  const O = gamma.elements;
  device.dispatch({
    shader: "train/fold.wgsl",
    constants: { KIND: kind },
    reads: [w, gamma, s, dw],
    writes: [out],
    params: [O, w.elements / O],
    groups: groupsFor(out.elements),
    label: `foldWeight${kind}/${w.shape.join("x")}`,
    cost: { flops: 2 * w.elements, bytes: 8 * w.elements },
  });
}

/** Weights [O, …] with frozen batch norm folded in. Inputs: w, gamma [O], s [O] (constant). */
export const foldWeight: Op<typeof NONE> = {
  name: "foldWeight",
  inputs: ["weights [O,…]", "gamma [O]", "inverse deviation [O]"],
  shape(_a, [w, gamma, s]) {
    expect(
      w[0] === size(gamma) && size(gamma) === size(s),
      "foldWeight",
      "gamma and deviation",
      [w[0]],
      [size(gamma), size(s)],
    );
    return [...w];
  },
  forward: (device, inputs, _a, output) => fold(device, 0, inputs, inputs[0], output),
  reference([w, gamma, s]) {
    const per = w.data.length / gamma.data.length;
    return w.data.map((v, i) => v * gamma.data[Math.floor(i / per)] * s.data[Math.floor(i / per)]);
  },
  gradient({ device, inputs, outputGradient, needed }) {
    const gradient = (kind: 1 | 2, shape: readonly number[]) => {
      const out = device.empty(shape, "f32", "foldWeight gradient");
      fold(device, kind, inputs, outputGradient, out);
      return out;
    };
    return [needed[0] ? gradient(1, inputs[0].shape) : null, needed[1] ? gradient(2, inputs[1].shape) : null, null];
  },
  cost: (_a, [w]) => ({ flops: 2 * size(w), bytes: 8 * size(w) }),
};

function affine(device: Device, x: Tensor, a: Tensor, y: Tensor, out: Tensor): void {
  device.dispatch({
    shader: "train/affine.wgsl",
    constants: {},
    reads: [x, a, y],
    writes: [out],
    params: [out.elements],
    groups: groupsFor(out.elements),
    label: `foldBias/${out.elements}`,
    cost: { flops: 2 * out.elements, bytes: 16 * out.elements },
  });
}

/** Bias gamma·t + beta with t = −mean·s (constant): what frozen batch norm adds after the folded weights. */
export const foldBias: Op<typeof NONE> = {
  name: "foldBias",
  inputs: ["gamma [O]", "beta [O]", "shift [O]"],
  shape(_a, [gamma, beta, t]) {
    expect(
      size(gamma) === size(beta) && size(beta) === size(t),
      "foldBias",
      "sizes",
      [size(gamma)],
      [size(beta), size(t)],
    );
    return [...gamma];
  },
  forward: (device, [gamma, beta, t], _a, output) => affine(device, gamma, t, beta, output),
  reference: ([gamma, beta, t]) => gamma.data.map((g, i) => g * t.data[i] + beta.data[i]),
  gradient({ device, inputs: [gamma, , t], outputGradient, needed }) {
    let dGamma: Tensor | null = null;
    if (needed[0]) {
      dGamma = device.empty(gamma.shape, "f32", "foldBias gradient");
      affine(device, outputGradient, t, device.zeros(gamma.elements), dGamma);
    }
    return [dGamma, needed[1] ? outputGradient : null, null];
  },
  cost: (_a, [gamma]) => ({ flops: 2 * size(gamma), bytes: 16 * size(gamma) }),
};
