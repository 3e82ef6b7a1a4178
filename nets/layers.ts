/** @file Layers with their weights on the device, packed once at load: convolution (batch norm folded) and linear. */
import type { Device } from "../engine/device.js";
import { pad4, run } from "../engine/op.js";
import { conv2d, matmul } from "../engine/ops/conv2d.js";
import { oihw, packPanels, rightTransposed } from "../engine/ops/pack.js";
import type { Tensor } from "../engine/tensor.js";
import type { State } from "./state.js";

/** Batch norm's epsilon in torchvision's networks. */
const BN_EPSILON = 1e-5;

/** A layer owns tensors on the device. */
export interface Layer {
  free(): void;
}

export interface ConvSpec {
  readonly outChannels: number;
  readonly inChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation?: number;
}

/** A convolution without bias followed by batch norm in evaluation mode, folded in float64 into weights and bias. */
export class ConvBN implements Layer {
  private readonly weights: Tensor;
  private readonly bias: Tensor;

  constructor(
    private readonly device: Device,
    state: State,
    convName: string,
    bnName: string,
    private readonly spec: ConvSpec,
  ) {
    const { outChannels: O, inChannels: I, kernel: k } = spec;
    const weight = state.get(`${convName}.weight`, [O, I, k, k]);
    const gamma = state.get(`${bnName}.weight`, [O]);
    const beta = state.get(`${bnName}.bias`, [O]);
    const mean = state.get(`${bnName}.running_mean`, [O]);
    const variance = state.get(`${bnName}.running_var`, [O]);
    const folded = new Float32Array(weight.length);
    const bias = new Float32Array(O);
    for (let o = 0; o < O; o++) {
      const scale = gamma[o] / Math.sqrt(variance[o] + BN_EPSILON);
      bias[o] = beta[o] - mean[o] * scale;
      for (let i = o * I * k * k; i < (o + 1) * I * k * k; i++) folded[i] = weight[i] * scale;
    }
    this.weights = packed(device, folded, oihw(O, I, k, k));
    this.bias = device.upload(bias, [O], "bias");
  }

  forward(x: Tensor, relu: boolean, residual?: Tensor): Tensor {
    const { outChannels, kernel, stride, padding, dilation } = this.spec;
    const attrs = {
      outChannels,
      kernel: [kernel, kernel],
      stride,
      padding: [padding, padding],
      dilation: dilation ?? 1,
      relu,
    } as const;
    const inputs = residual ? [x, this.weights, this.bias, residual] : [x, this.weights, this.bias];
    return run(this.device, conv2d, inputs, attrs);
  }

  free(): void {
    this.weights.free();
    this.bias.free();
  }
}

/** rows · Wᵀ + b for a weight [out, in] (a Linear layer, or a 1×1 convolution). Output columns are padded to 4. */
export class Linear implements Layer {
  private readonly weights: Tensor;
  private readonly bias: Tensor | undefined;
  /** Columns of the result: `outFeatures` rounded up to a multiple of 4, the rest zeros. */
  readonly columns: number;

  constructor(
    private readonly device: Device,
    weight: Float32Array,
    bias: Float32Array | undefined,
    readonly outFeatures: number,
    inFeatures: number,
  ) {
    this.columns = pad4(outFeatures);
    this.weights = packed(device, weight, rightTransposed(outFeatures, inFeatures));
    if (bias) {
      const padded = new Float32Array(this.columns);
      padded.set(bias);
      this.bias = device.upload(padded, [this.columns], "bias");
    }
  }

  /** rows [M, in] → [M, columns]. */
  forward(rows: Tensor, options: { residual?: Tensor; relu?: boolean } = {}): Tensor {
    return matmul(this.device, rows, this.weights, this.columns, { bias: this.bias, ...options });
  }

  free(): void {
    this.weights.free();
    this.bias?.free();
  }
}

function packed(device: Device, weight: Float32Array, attrs: Parameters<typeof packPanels.shape>[0]): Tensor {
  const raw = device.upload(weight, [weight.length], "weights");
  const result = run(device, packPanels, [raw], attrs);
  raw.free();
  return result;
}
