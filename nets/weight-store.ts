/**
 * @file Where layers get their weights on the device: folded and packed once for inference, or derived anew from learned
 * parameters at every optimiser step (nets/train/training-store.ts). Layers are the same for both.
 */
import { FileFormatError } from "../base/errors.js";
import { firstNotFinite } from "../base/finite.js";
import type { Device } from "../engine/device.js";
import { pad4, run, size } from "../engine/op.js";
import { oihw, type PackAttrs, packPanels, rightTransposed } from "../engine/ops/pack.js";
import { padRows } from "../engine/ops/pad-rows.js";
import type { Tensor } from "../engine/tensor.js";
import type { State } from "./state.js";

/** Batch norm's epsilon in torchvision's networks. */
export const BN_EPSILON = 1e-5;

/** The weights of one layer as its kernel wants them. The tensors may be replaced between steps of a training. */
export interface Packed {
  weights: Tensor;
  bias: Tensor | undefined;
}

export interface WeightStore {
  readonly device: Device;
  /** For messages: the file the weights come from. */
  readonly source: string;
  /** The same store below a prefix, for example `features.`. */
  below(prefix: string): WeightStore;
  /** A convolution [O, I, k, k] without bias, with the batch norm behind it folded in; the bias is padded to four. */
  convBN(conv: string, bn: string, shape: readonly [number, number, number, number]): Packed;
  /** A convolution [O, I, k, k] with bias, which is padded to four. */
  conv(name: string, shape: readonly [number, number, number, number]): Packed;
  /** A linear layer or 1×1 convolution whose weight has the given stored shape; output columns padded to four. */
  linear(name: string, shape: readonly number[], bias: boolean): Packed;
  /** A plain tensor as it is stored. */
  tensor(name: string, shape: readonly number[]): { readonly tensor: Tensor };
  /** A tensor as rows [R, C]: its last dimension is C, which is padded to a multiple of four by zeros. */
  rows(name: string, shape: readonly number[]): { readonly tensor: Tensor };
  /** Frees everything that was made from this store and those below it. */
  free(): void;
}

/** Weights for inference: batch norm folded in float64, everything packed at once. */
export class InferenceStore implements WeightStore {
  private readonly owned: Tensor[];

  constructor(
    readonly device: Device,
    private readonly state: State,
    parent?: InferenceStore,
  ) {
    this.owned = parent?.owned ?? [];
  }

  get source(): string {
    return this.state.source;
  }

  below(prefix: string): WeightStore {
    return new InferenceStore(this.device, this.state.below(prefix), this);
  }

  convBN(conv: string, bn: string, [O, I, kh, kw]: readonly [number, number, number, number]): Packed {
    const { state } = this;
    const weight = state.get(`${conv}.weight`, [O, I, kh, kw]);
    const gamma = state.get(`${bn}.weight`, [O]);
    const beta = state.get(`${bn}.bias`, [O]);
    const mean = state.get(`${bn}.running_mean`, [O]);
    const variance = state.get(`${bn}.running_var`, [O]);
    const per = I * kh * kw;
    const folded = new Float32Array(weight.length);
    const bias = new Float32Array(pad4(O));
    for (let o = 0; o < O; o++) {
      const scale = gamma[o] / Math.sqrt(variance[o] + BN_EPSILON);
      bias[o] = beta[o] - mean[o] * scale;
      for (let i = o * per; i < (o + 1) * per; i++) folded[i] = weight[i] * scale;
    }
    if (firstNotFinite(folded) >= 0 || firstNotFinite(bias) >= 0)
      throw new FileFormatError("NotFinite", this.source, `${conv}.weight with ${bn} folded in is beyond float32`);
    return {
      weights: this.packed(folded, oihw(O, I, kh, kw)),
      bias: this.own(this.upload(bias, [bias.length], bn)),
    };
  }

  conv(name: string, [O, I, kh, kw]: readonly [number, number, number, number]): Packed {
    const weights = this.packed(this.state.get(`${name}.weight`, [O, I, kh, kw]), oihw(O, I, kh, kw));
    return { weights, bias: this.bias(name, O) };
  }

  linear(name: string, shape: readonly number[], bias: boolean): Packed {
    const [out, input] = shape;
    const weights = this.packed(this.state.get(`${name}.weight`, shape), rightTransposed(out, input));
    return { weights, bias: bias ? this.bias(name, out) : undefined };
  }

  tensor(name: string, shape: readonly number[]): { readonly tensor: Tensor } {
    return { tensor: this.own(this.upload(this.state.get(name, shape), shape, name)) };
  }

  rows(name: string, shape: readonly number[]): { readonly tensor: Tensor } {
    const { tensor } = this.tensor(name, shape);
    const rows = tensor.view(asRows(shape));
    return { tensor: rows.shape[1] % 4 === 0 ? rows : this.own(run(this.device, padRows, [rows], {})) };
  }

  free(): void {
    for (const t of this.owned.splice(0)) t.free();
  }

  private bias(name: string, count: number): Tensor {
    const padded = new Float32Array(pad4(count));
    padded.set(this.state.get(`${name}.bias`, [count]));
    return this.own(this.upload(padded, [padded.length], name));
  }

  private packed(weight: Float32Array, attrs: PackAttrs): Tensor {
    const { device } = this;
    return device.limit.without(() => {
      const raw = device.upload(weight, [weight.length], "weights");
      const result = this.own(run(device, packPanels, [raw], attrs));
      raw.free();
      return result;
    });
  }

  /** The first photo tells whether a limit of memory is too small: by then it is known how much else is needed. */
  private upload(values: Float32Array, shape: readonly number[], name: string): Tensor {
    return this.device.limit.without(() => this.device.upload(values, shape, name));
  }

  private own(tensor: Tensor): Tensor {
    this.owned.push(tensor);
    return tensor;
  }
}

/** [R, C] of a tensor whose last dimension is C. */
export function asRows(shape: readonly number[]): [rows: number, columns: number] {
  const C = shape.at(-1) ?? 1;
  return [size(shape) / C, C];
}
