/**
 * @file MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted residuals and linear bottlenecks", CVPR 2018,
 * table 2) in torchvision's names, without its classifier.
 */
import type { Exec } from "../../engine/exec.js";
import { relu6 } from "../../engine/ops/relu6.js";
import type { Tensor } from "../../engine/tensor.js";
import { ConvBN, DepthwiseBN } from "../layers.js";
import type { WeightStore } from "../weight-store.js";
import { inSequence, type Module, type Named, type Trunk, type Watch } from "./trunk.js";

/** Rows of the paper's table: expansion, output channels, repetitions, stride of the first. */
const BLOCKS: readonly (readonly [t: number, c: number, n: number, s: number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];
const STEM = 32;
const LAST = 1280;

/** 1×1 expansion, 3×3 depthwise, 1×1 projection without activation; the input is added where sizes allow it. */
export class InvertedResidual implements Module {
  private readonly expansion: ConvBN | undefined;
  private readonly middle: DepthwiseBN;
  private readonly projection: ConvBN;
  private readonly residual: boolean;

  /** @param store weights under `conv.0.0.weight`, … of torchvision's block */
  constructor(store: WeightStore, options: { in: number; out: number; stride: number; expandRatio: number }) {
    const { in: inChannels, out: outChannels, stride, expandRatio } = options;
    const width = inChannels * expandRatio;
    const pointwise = { kernel: 1, stride: 1, padding: 0 };
    const expands = expandRatio !== 1;
    if (expands)
      this.expansion = new ConvBN(store, "conv.0.0", "conv.0.1", { outChannels: width, inChannels, ...pointwise });
    const at = expands ? 1 : 0;
    // the expansion's ReLU6 is taken where it is read: the widest tensor passes once
    const attrs = { stride, clipInput: expands };
    this.middle = new DepthwiseBN(store, `conv.${at}.0`, `conv.${at}.1`, width, attrs);
    const spec = { outChannels, inChannels: width, ...pointwise };
    this.projection = new ConvBN(store, `conv.${at + 1}`, `conv.${at + 2}`, spec);
    this.residual = stride === 1 && inChannels === outChannels;
  }

  forward(exec: Exec, x: Tensor): Tensor {
    return exec.device.scope(() => {
      const wide = this.expansion?.forward(exec, x, false) ?? x;
      const middle = this.middle.forward(exec, wide);
      if (wide !== x) exec.release(wide);
      return this.projection.forward(exec, middle, false, this.residual ? x : undefined);
    });
  }
}

/** A convolution with batch norm and ReLU6: the first and the last. */
class ConvBNReLU6 implements Module {
  private readonly conv: ConvBN;

  constructor(store: WeightStore, spec: { outChannels: number; inChannels: number; kernel: number; stride: number }) {
    this.conv = new ConvBN(store, "0", "1", { ...spec, padding: (spec.kernel - 1) / 2 });
  }

  forward(exec: Exec, x: Tensor): Tensor {
    return exec.device.scope(() => exec.run(relu6, [this.conv.forward(exec, x, false)], {}));
  }
}

export class MobileNetV2 implements Trunk {
  readonly channels = LAST;
  private readonly modules: Named[] = [];

  /** @param store weights below `features.` */
  constructor(store: WeightStore) {
    const add = (make: (below: WeightStore) => Module) => {
      const i = this.modules.length;
      this.modules.push({ name: `features.${i}`, module: make(store.below(`${i}.`)) });
    };
    add((below) => new ConvBNReLU6(below, { outChannels: STEM, inChannels: 3, kernel: 3, stride: 2 }));
    let inChannels = STEM;
    for (const [expandRatio, out, repetitions, first] of BLOCKS)
      for (let r = 0; r < repetitions; r++) {
        const options = { in: inChannels, out, stride: r === 0 ? first : 1, expandRatio };
        add((below) => new InvertedResidual(below, options));
        inChannels = out;
      }
    add((below) => new ConvBNReLU6(below, { outChannels: LAST, inChannels, kernel: 1, stride: 1 }));
  }

  forward(exec: Exec, images: Tensor, watch?: Watch): Tensor {
    return inSequence(exec, this.modules, images, watch);
  }
}
