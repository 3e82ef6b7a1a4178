/** @file Single ops: matrix products and convolutions at the shapes that the networks are made of. */
import type { Device } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { pad4, run } from "../../engine/op.js";
import { conv2d, matmul } from "../../engine/ops/conv2d.js";
import { oihw, packPanels, rightMatrix } from "../../engine/ops/pack.js";
import type { Tensor } from "../../engine/tensor.js";
import { generateValues } from "../../nets/weights/generator.js";
import type { ConvSize, GemmSize } from "./sizes.js";
import type { BenchCase } from "./timing.js";

/** Row-major [M, K] · packed [K, N], without read-back. */
export function gemmCase(device: Device, { m, n, k }: GemmSize): BenchCase {
  const exec = new Inference(device);
  const left = device.keep(device.upload(generateValues(1, "left", m * k, 1, 0), [m, k]));
  const right = packed(device, generateValues(1, "right", k * n, 1, 0), rightMatrix(k, n));
  return {
    section: "gemm",
    name: `${m}x${n}x${k}`,
    cost: { flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + m * n) },
    record() {
      matmul(exec, left, right, n).free();
    },
    finish: () => device.finish(),
    close() {
      for (const t of [left, right]) t.free();
    },
  };
}

/** Convolution with bias and ReLU, padded to keep the size (or halve it with stride 2), without read-back. */
export function convCase(device: Device, size: ConvSize): BenchCase {
  const { batch, height, width, inChannels: I, outChannels: O, kernel, stride } = size;
  const C = pad4(I);
  const input = device.keep(
    device.upload(generateValues(1, "input", batch * height * width * C, 1, 0), [batch, height, width, C]),
  );
  const weights = packed(
    device,
    generateValues(1, "weights", O * I * kernel * kernel, 0.1, 0),
    oihw(O, I, kernel, kernel),
  );
  const bias = device.keep(device.upload(generateValues(1, "bias", O, 1, 0), [O]));
  const pad = (kernel - 1) / 2;
  const attrs = {
    outChannels: O,
    kernel: [kernel, kernel],
    stride,
    padding: [pad, pad],
    dilation: 1,
    relu: true,
  } as const;
  const [, oh, ow] = conv2d.shape(attrs, [input.shape, weights.shape, bias.shape]);
  const out = batch * oh * ow * O;
  return {
    section: "conv",
    name: size.text,
    // what the mathematics asks for: the channels that pad the stem's three to four are ours to carry
    cost: {
      flops: 2 * out * I * kernel * kernel,
      bytes: 4 * (batch * height * width * I + O * I * kernel * kernel + O + out),
    },
    record() {
      run(device, conv2d, [input, weights, bias], attrs).free();
    },
    finish: () => device.finish(),
    close() {
      for (const t of [input, weights, bias]) t.free();
    },
  };
}

function packed(device: Device, values: Float32Array, attrs: ReturnType<typeof oihw>): Tensor {
  const raw = device.upload(values, [values.length]);
  const result = device.keep(run(device, packPanels, [raw], attrs));
  raw.free();
  return result;
}
