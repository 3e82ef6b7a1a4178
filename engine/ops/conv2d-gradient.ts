/**
 * @file Gradients of convolution. With z the sum before ReLU: dz masks dy; the bias gets its column sums, the residual dz
 * itself, the packed weights the outer product of inputs and dz over pixels, and the input a convolution of dz with the
 * weights turned (channels and columns exchanged, taps mirrored).
 */
import type { Device } from "../device.js";
import { type GradientContext, type Op, run } from "../op.js";
import type { Tensor } from "../tensor.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";
import { weightGradient } from "./conv2d-weight-gradient.js";
import { groupsFor } from "./launch.js";
import { PANEL } from "./pack.js";
import { columnSum } from "./reduce-columns.js";

/** Gradients of input, packed weights, bias and residual; `conv2d` is the op itself, which also does the way back. */
export function conv2dGradient(context: GradientContext<Conv2dAttrs>, conv2d: Op<Conv2dAttrs>): (Tensor | null)[] {
  const { device, attrs, inputs, output, outputGradient, needed } = context;
  const [x, w, , residual] = inputs;
  const out = conv2d.shape(
    attrs,
    inputs.map((t) => t.shape),
  );
  const dz = attrs.relu ? reluGradient(device, outputGradient, output) : outputGradient;
  const dx = needed[0] ? inputGradient(device, conv2d, attrs, x.shape, w, dz.view(out)) : null;
  const dw = needed[1] ? weightGradient(device, attrs, x, dz.view(out), w) : null;
  const db = needed[2] ? columnSum(device, dz, attrs.outChannels) : null;
  const gradients = [dx, dw, db];
  return residual ? [...gradients, needed[3] ? dz : null] : gradients;
}

/** dy where y > 0, else 0. */
export function reluGradient(device: Device, dy: Tensor, y: Tensor): Tensor {
  const dz = device.empty(y.shape, "f32", "reluGradient");
  const count4 = y.elements / 4;
  device.dispatch({
    shader: "train/relu_gradient.wgsl",
    constants: {},
    reads: [dy, y],
    writes: [dz],
    params: [count4],
    groups: groupsFor(count4),
    label: `reluGradient/${y.shape.join("x")}`,
    cost: { flops: y.elements, bytes: 12 * y.elements },
  });
  return dz;
}

function inputGradient(
  device: Device,
  conv2d: Op<Conv2dAttrs>,
  a: Conv2dAttrs,
  inputShape: readonly number[],
  w: Tensor,
  dz: Tensor,
): Tensor {
  const [, H, W, C] = inputShape;
  const taps = a.kernel[0] * a.kernel[1];
  const turned = device.derived(w, "turned", () => turn(device, w, taps, C, a.outChannels));
  const pointwise = taps === 1 && a.padding[0] === 0 && a.padding[1] === 0;
  const reach = (i: 0 | 1) => a.dilation * (a.kernel[i] - 1);
  const sides = [H + 2 * a.padding[0] - reach(0), W + 2 * a.padding[1] - reach(1)] as const;
  const back: Conv2dAttrs = {
    outChannels: C,
    kernel: a.kernel,
    stride: 1,
    padding: [reach(0) - a.padding[0], reach(1) - a.padding[1]],
    dilation: a.dilation,
    relu: false,
  };
  // a strided 1×1 is cheaper at the small size, the others are spread first
  const spreadFirst = a.stride > 1 && !pointwise;
  const z = spreadFirst ? spread(device, dz, sides[0], sides[1], a.stride) : dz;
  const dx = run(device, conv2d, [z, turned, device.zeros(C)], back);
  return a.stride > 1 && pointwise ? spread(device, dx, H, W, a.stride) : dx;
}

/** Packed weights [panels, taps·C, 32] with channels and columns exchanged; of several such [n, …] each. */
export function turn(device: Device, w: Tensor, taps: number, C: number, O: number): Tensor {
  const batches = w.shape.slice(0, -3);
  const turned = device.empty([...batches, Math.ceil(C / PANEL), taps * O, PANEL], "f32", "turned weights");
  const count = turned.elements / 4;
  device.dispatch({
    shader: "conv/turn_packed.wgsl",
    constants: {},
    reads: [w],
    writes: [turned],
    params: [taps, C, O, count / (batches[0] ?? 1), count],
    groups: groupsFor(count),
    label: `turnPacked/${turned.shape.join("x")}`,
    cost: { flops: 0, bytes: 8 * turned.elements },
  });
  return turned;
}

function spread(device: Device, x: Tensor, H: number, W: number, stride: number): Tensor {
  const [N, h, w, C] = x.shape;
  const y = device.empty([N, H, W, C], "f32", "spread");
  const count = y.elements / 4;
  device.dispatch({
    shader: "conv/spread.wgsl",
    constants: {},
    reads: [x],
    writes: [y],
    params: [h, w, H, W, C / 4, stride, count],
    groups: groupsFor(count),
    label: `spread/${h}x${w}x${C}>${H}x${W}`,
    cost: { flops: 0, bytes: 4 * (x.elements + y.elements) },
  });
  return y;
}
