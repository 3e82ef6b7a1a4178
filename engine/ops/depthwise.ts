/**
 * @file Depthwise convolution, NHWC: a filter a channel, with bias. ReLU6 before it, behind it or both is part of the op, so that
 * MobileNet's widest tensors pass once (Sandler et al. 2018, "MobileNetV2").
 */
import type { Device } from "../device.js";
import { expect, type Op, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { rowStrips, seenRows, wholeBindings, windowOf } from "../windows.js";
import { groupsFor } from "./launch.js";
import { PANEL } from "./pack.js";
import { columnSum, sumParts } from "./reduce-columns.js";
import { relu6Gradient } from "./relu6.js";

export interface DepthwiseAttrs {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** The input goes through ReLU6 first. */
  readonly clipInput: boolean;
  /** The output goes through ReLU6. */
  readonly clipOutput: boolean;
}

/** Output pixels of an invocation. */
const RUN = 4;
/** Rows of outputs whose share of a weight gradient one invocation sums. */
const CHUNK = 32;

const clip = (v: number) => Math.min(Math.max(v, 0), 6);

export const depthwise: Op<DepthwiseAttrs> = {
  name: "depthwise",
  inputs: ["input [N,H,W,C]", "packed weights", "bias [C]"],
  shape(a, [x, w, b]) {
    expect(x.length === 4 && x[3] % 4 === 0, "depthwise", "input", "[N, H, W, C] with C a multiple of 4", x);
    // packed as the weights of a convolution with one input channel (packPanels with oihw(C, 1, k, k))
    const packed = [Math.ceil(x[3] / PANEL), a.kernel ** 2 * 4, PANEL];
    expect(w.join() === packed.join(), "depthwise", "packed weights", packed, w);
    expect(size(b) === x[3], "depthwise", "bias", [x[3]], b);
    const side = (n: number) => Math.floor((n + 2 * a.padding - a.kernel) / a.stride) + 1;
    const out = [x[0], side(x[1]), side(x[2]), x[3]];
    expect(out[1] > 0 && out[2] > 0, "depthwise", "input size", "at least the kernel", x);
    return out;
  },
  forward(device, [x, w, bias], a, output) {
    const [N, H, W, C] = x.shape;
    const [, OH, OW] = output.shape;
    const strips = rowStrips(device, {
      outRows: N * OH,
      outRowBytes: OW * C * 4,
      inRows: N * H,
      inRowBytes: W * C * 4,
      needs: seenRows({ H, OH, stride: a.stride, padding: a.padding, reach: a.kernel }),
    });
    const each = Math.ceil(OW / RUN) * (C / 4);
    for (const s of strips) {
      const input = windowOf(device, x, s.in0 * W * C, s.in1 * W * C);
      const out = windowOf(device, output, s.out0 * OW * C, s.out1 * OW * C);
      device.dispatch({
        shader: "conv/depthwise.wgsl",
        constants: {
          K: a.kernel,
          S: a.stride,
          P: RUN,
          CLIP_IN: a.clipInput ? 1 : 0,
          CLIP_OUT: a.clipOutput ? 1 : 0,
        },
        reads: [input.window, w, bias],
        writes: [out.window],
        params: [H, W, C / 4, OH, OW, a.padding, s.out0 * each, s.out1 * each, input.shift / 4, out.shift / 4],
        groups: groupsFor((s.out1 - s.out0) * each),
        label: `depthwise/${a.kernel}s${a.stride}/${H}x${W}x${C}`,
        cost: this.cost(a, [[1, s.in1 - s.in0, W, C], w.shape], [1, s.out1 - s.out0, OW, C]),
      });
    }
  },
  reference([x, w, bias], a) {
    const out = this.shape(a, [x.shape, w.shape, bias.shape]);
    const [N, H, W, C] = x.shape;
    const y = new Float64Array(size(out));
    const { kernel: k } = a;
    let at = 0;
    for (let n = 0; n < N; n++)
      for (let Y = 0; Y < out[1]; Y++)
        for (let X = 0; X < out[2]; X++)
          for (let c = 0; c < C; c++) {
            let sum = bias.data[c];
            for (let tap = 0; tap < k * k; tap++) {
              const v = Y * a.stride - a.padding + Math.floor(tap / k);
              const u = X * a.stride - a.padding + (tap % k);
              if (v < 0 || v >= H || u < 0 || u >= W) continue;
              const value = x.data[((n * H + v) * W + u) * C + c];
              const weight = w.data[(Math.floor(c / PANEL) * k * k + tap) * 4 * PANEL + (c % PANEL)];
              sum += (a.clipInput ? clip(value) : value) * weight;
            }
            y[at++] = a.clipOutput ? clip(sum) : sum;
          }
    return y;
  },
  gradient({ device, attrs: a, inputs: [x, w], output, outputGradient, needed }) {
    const dz = a.clipOutput ? relu6Gradient(device, output, outputGradient) : outputGradient;
    const shape = this.shape(a, [x.shape, w.shape, [x.shape[3]]]);
    return [
      needed[0] ? inputGradient(device, a, x, w, dz, shape) : null,
      needed[1] ? weightGradient(device, a, x, w, dz, shape) : null,
      needed[2] ? columnSum(device, dz, x.shape[3]) : null,
    ];
  },
  cost(a, [x, w], out) {
    return { flops: 2 * a.kernel ** 2 * size(out), bytes: 4 * (size(x) + size(w) + size(out)) };
  },
};

function inputGradient(
  device: Device,
  a: DepthwiseAttrs,
  x: Tensor,
  w: Tensor,
  dz: Tensor,
  out: readonly number[],
): Tensor {
  const dx = device.empty(x.shape, "f32", "depthwise gradient");
  launch(device, 0, a, [x, w, dz], out, dx, [dx.elements / 4, 0, 0, 0]);
  return dx;
}

function weightGradient(
  device: Device,
  a: DepthwiseAttrs,
  x: Tensor,
  w: Tensor,
  dz: Tensor,
  out: readonly number[],
): Tensor {
  const rows = out[0] * out[1];
  const chunks = Math.ceil(rows / CHUNK);
  const parts = device.empty([chunks, ...w.shape], "f32", "depthwise weight gradient");
  launch(device, 1, a, [x, w, dz], out, parts, [parts.elements / 4, w.elements / 4, rows, CHUNK]);
  return sumParts(device, parts, chunks, w.shape);
}

function launch(
  device: Device,
  kind: 0 | 1,
  a: DepthwiseAttrs,
  reads: readonly Tensor[],
  [, OH, OW]: readonly number[],
  output: Tensor,
  rest: readonly [count: number, each: number, rows: number, chunk: number],
): void {
  const [x] = reads;
  const [, H, W, C] = x.shape;
  wholeBindings(device, "depthwise gradient", ...reads, output);
  device.dispatch({
    shader: "conv/depthwise_gradient.wgsl",
    constants: { KIND: kind, K: a.kernel, S: a.stride, CLIP_IN: a.clipInput ? 1 : 0 },
    reads,
    writes: [output],
    params: [H, W, C / 4, OH, OW, a.padding, ...rest],
    groups: groupsFor(rest[0]),
    label: `depthwiseGradient${kind}/${a.kernel}s${a.stride}/${H}x${W}x${C}`,
    cost: { flops: 2 * a.kernel ** 2 * OH * OW * C, bytes: 8 * x.elements },
  });
}
