/** @file Layers: convolution with folded batch norm, and linear. Their weights come from a store. */
import type { Exec } from "../engine/exec.js";
import { pad4 } from "../engine/op.js";
import { conv2d, matmul } from "../engine/ops/conv2d.js";
import { depthwise } from "../engine/ops/depthwise.js";
import type { Tensor } from "../engine/tensor.js";
import type { Packed, WeightStore } from "./weight-store.js";

export interface ConvSpec {
  readonly outChannels: number;
  readonly inChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation?: number;
}

/** A convolution without bias followed by batch norm with frozen statistics, optionally a residual and ReLU. */
export class ConvBN {
  private readonly packed: Packed;

  constructor(
    store: WeightStore,
    convName: string,
    bnName: string,
    private readonly spec: ConvSpec,
  ) {
    const { outChannels: O, inChannels: I, kernel: k } = spec;
    this.packed = store.convBN(convName, bnName, [O, I, k, k]);
  }

  /** x [N, H, W, inChannels padded to 4] → [N, h, w, outChannels padded to 4]. */
  forward(exec: Exec, x: Tensor, relu: boolean, residual?: Tensor): Tensor {
    const { outChannels, kernel, stride, padding, dilation } = this.spec;
    const attrs = {
      outChannels: pad4(outChannels),
      kernel: [kernel, kernel],
      stride,
      padding: [padding, padding],
      dilation: dilation ?? 1,
      relu,
    } as const;
    const { weights, bias } = this.packed;
    return exec.run(conv2d, residual ? [x, weights, bias!, residual] : [x, weights, bias!], attrs);
  }
}

/** A convolution with bias and ReLU behind it, of networks without batch norm. */
export class ConvReLU {
  private readonly packed: Packed;

  constructor(
    store: WeightStore,
    name: string,
    private readonly spec: ConvSpec,
  ) {
    const { outChannels: O, inChannels: I, kernel: k } = spec;
    this.packed = store.conv(name, [O, I, k, k]);
  }

  /** x [N, H, W, inChannels padded to 4] → [N, h, w, outChannels padded to 4]. @param relu false: without the ReLU */
  forward(exec: Exec, x: Tensor, relu = true): Tensor {
    const { outChannels, kernel, stride, padding } = this.spec;
    const { weights, bias } = this.packed;
    const attrs = {
      outChannels: pad4(outChannels),
      kernel: [kernel, kernel],
      stride,
      padding: [padding, padding],
      dilation: 1,
      relu,
    } as const;
    return exec.run(conv2d, [x, weights, bias!], attrs);
  }
}

/** A 3×3 filter a channel, batch norm with frozen statistics, and ReLU6 before (`clipInput`) and behind. */
export class DepthwiseBN {
  private readonly packed: Packed;

  constructor(
    store: WeightStore,
    convName: string,
    bnName: string,
    channels: number,
    private readonly attrs: { readonly stride: number; readonly clipInput: boolean },
  ) {
    this.packed = store.convBN(convName, bnName, [channels, 1, 3, 3]);
  }

  /** x [N, H, W, C] → [N, h, w, C]. */
  forward(exec: Exec, x: Tensor): Tensor {
    const { weights, bias } = this.packed;
    return exec.run(depthwise, [x, weights, bias!], { kernel: 3, padding: 1, clipOutput: true, ...this.attrs });
  }
}

/** rows · Wᵀ + b for a weight [out, in] (a Linear layer, or a 1×1 convolution [out, in, 1, 1]). */
export class Linear {
  private readonly packed: Packed;
  /** Columns of the result: `out` rounded up to a multiple of 4, the rest zeros. */
  readonly columns: number;

  constructor(store: WeightStore, name: string, shape: readonly number[], options: { bias: boolean }) {
    this.columns = pad4(shape[0]);
    this.packed = store.linear(name, shape, options.bias);
  }

  /** rows [M, in] → [M, columns]. */
  forward(exec: Exec, rows: Tensor, options: { residual?: Tensor; relu?: boolean } = {}): Tensor {
    const { weights, bias } = this.packed;
    return matmul(exec, rows, weights, this.columns, { bias, ...options });
  }
}
