/**
 * @file ResNet trunks (He et al. 2016), torchvision's layout: conv1, bn1, maxpool, layer1 … layer4.
 * `skipLayer` drops the last stages (fire.md §1.1); batch norm is folded.
 */
import { UsageError } from "../base/errors.js";
import type { Exec } from "../engine/exec.js";
import { maxPool } from "../engine/ops/pool.js";
import type { Tensor } from "../engine/tensor.js";
import { ConvBN } from "./layers.js";
import type { WeightStore } from "./weight-store.js";

/** Blocks a stage, and whether blocks are bottlenecks (1×1, 3×3, 1×1 to four times the width). */
const ARCHITECTURES: Readonly<Record<string, { bottleneck: boolean; blocks: readonly number[] }>> = {
  resnet18: { bottleneck: false, blocks: [2, 2, 2, 2] },
  resnet34: { bottleneck: false, blocks: [3, 4, 6, 3] },
  resnet50: { bottleneck: true, blocks: [3, 4, 6, 3] },
  resnet101: { bottleneck: true, blocks: [3, 4, 23, 3] },
  resnet152: { bottleneck: true, blocks: [3, 8, 36, 3] },
};

export const RESNET_NAMES = Object.keys(ARCHITECTURES);

/** Stages that can be dropped: one stays. */
export const MOST_SKIPPED = 3;

export interface ResNetOptions {
  readonly architecture: string;
  /** Stages dropped from the end; 1 leaves stride 16. */
  readonly skipLayer: number;
  /**
   * Where the stride of a bottleneck stage sits: on the 3×3 (torchvision, "v1.5") or on the first 1×1 (the original v1,
   * and the weights that Keras ships).
   */
  readonly strideOnFirst?: boolean;
}

/** Channels of the last retained stage. @throws UsageError for an architecture that is not a ResNet. */
export function trunkChannels(options: ResNetOptions): number {
  const { bottleneck } = architectureOf(options);
  return (bottleneck ? 2048 : 512) / 2 ** options.skipLayer;
}

function architectureOf({ architecture, skipLayer }: ResNetOptions) {
  const found = ARCHITECTURES[architecture];
  if (!found)
    throw new UsageError(
      "UNSUPPORTED_ARCHITECTURE",
      `nets: trunk "${architecture}" is not supported — expected one of ${RESNET_NAMES.join(", ")}`,
    );
  if (!(Number.isInteger(skipLayer) && skipLayer >= 0 && skipLayer <= MOST_SKIPPED))
    throw new UsageError("BAD_SKIP_LAYER", `nets: skip_layer — expected 0 to ${MOST_SKIPPED}, got ${skipLayer}`);
  return found;
}

/** One residual block; `forward` returns a new tensor and leaves its input alone. */
export class Block {
  private readonly convs: ConvBN[];
  private readonly shortcut: ConvBN | undefined;

  constructor(
    store: WeightStore,
    options: { bottleneck: boolean; inChannels: number; width: number; stride: number; strideOnFirst?: boolean },
  ) {
    const { bottleneck, inChannels, width, stride } = options;
    const first = options.strideOnFirst ? stride : 1;
    const out = bottleneck ? width * 4 : width;
    const conv = (i: number, o: number, c: number, kernel: number, s: number) =>
      new ConvBN(store, `conv${i}`, `bn${i}`, {
        outChannels: o,
        inChannels: c,
        kernel,
        stride: s,
        padding: (kernel - 1) / 2,
      });
    this.convs = bottleneck
      ? [conv(1, width, inChannels, 1, first), conv(2, width, width, 3, stride / first), conv(3, out, width, 1, 1)]
      : [conv(1, width, inChannels, 3, stride), conv(2, width, width, 3, 1)];
    if (stride !== 1 || inChannels !== out)
      this.shortcut = new ConvBN(store, "downsample.0", "downsample.1", {
        outChannels: out,
        inChannels,
        kernel: 1,
        stride,
        padding: 0,
      });
  }

  forward(exec: Exec, x: Tensor): Tensor {
    return exec.device.scope(() => {
      let y = x;
      for (const conv of this.convs.slice(0, -1)) {
        const next = conv.forward(exec, y, true);
        if (y !== x) exec.release(y);
        y = next;
      }
      const identity = this.shortcut ? this.shortcut.forward(exec, x, false) : x;
      return this.convs.at(-1)!.forward(exec, y, true, identity);
    });
  }
}

export class ResNet {
  private readonly stem: ConvBN;
  private readonly stages: Block[][] = [];
  /** Channels of the result. */
  readonly channels: number;

  /** @param store weights under the positional names `0.weight`, `1.*`, `4.0.conv1.weight`, … of the sequential trunk. */
  constructor(store: WeightStore, options: ResNetOptions) {
    const { bottleneck, blocks } = architectureOf(options);
    this.channels = trunkChannels(options);
    this.stem = new ConvBN(store, "0", "1", {
      outChannels: 64,
      inChannels: 3,
      kernel: 7,
      stride: 2,
      padding: 3,
    });
    let inChannels = 64;
    for (let stage = 0; stage < 4 - options.skipLayer; stage++) {
      const width = 64 * 2 ** stage;
      const list: Block[] = [];
      for (let b = 0; b < blocks[stage]; b++) {
        const stride = b === 0 && stage > 0 ? 2 : 1;
        list.push(
          new Block(store.below(`${4 + stage}.${b}.`), {
            bottleneck,
            inChannels,
            width,
            stride,
            strideOnFirst: options.strideOnFirst,
          }),
        );
        inChannels = bottleneck ? width * 4 : width;
      }
      this.stages.push(list);
    }
  }

  /** Cells of the feature map for an image of this size. */
  cells(height: number, width: number): number {
    const stride = 2 ** (1 + this.stages.length);
    return Math.ceil(height / stride) * Math.ceil(width / stride);
  }

  /** Bytes of the largest activation for an image of this size: the stem's 64 channels at half of it, or as much behind. */
  largestBytes(height: number, width: number): number {
    return 64 * height * width;
  }

  /**
   * Images [n, H, W, 4] → feature maps [n, ceil(H/stride), ceil(W/stride), channels].
   * @param watch is shown the result of conv1+bn+relu, maxpool and each stage, by name; for tests.
   */
  forward(exec: Exec, image: Tensor, watch?: (name: string, x: Tensor) => void): Tensor {
    const stem = this.stem.forward(exec, image, true);
    watch?.("conv1", stem);
    let x = exec.run(maxPool, [stem], { kernel: 3, stride: 2, padding: 1 });
    exec.release(stem);
    watch?.("maxpool", x);
    this.stages.forEach((blocks, i) => {
      for (const block of blocks) {
        const next = block.forward(exec, x);
        exec.release(x);
        x = next;
      }
      watch?.(`layer${i + 1}`, x);
    });
    return x;
  }
}
