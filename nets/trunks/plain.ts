/**
 * @file Trunks without batch norm, in torchvision's names and without their classifiers: SqueezeNet 1.0 and 1.1 (Iandola et al.
 * 2016), VGG-16 (Simonyan and Zisserman 2014) and AlexNet (Krizhevsky 2014). VGG and AlexNet end at the ReLU before the last pool,
 * as cirtorch uses them.
 */
import { UsageError } from "../../base/errors.js";
import type { Exec } from "../../engine/exec.js";
import { concatChannels } from "../../engine/ops/concat-channels.js";
import { maxPool, type PoolAttrs } from "../../engine/ops/pool.js";
import type { Tensor } from "../../engine/tensor.js";
import { ConvReLU } from "../layers.js";
import type { WeightStore } from "../weight-store.js";
import { inSequence, type Module, type Named, type Trunk, type Watch } from "./trunk.js";

/** A row of a network's table; a convolution takes two of the reference's places, itself and its ReLU. */
type Row =
  | { readonly conv: readonly [out: number, kernel: number, stride: number, padding: number] }
  | { readonly pool: PoolAttrs }
  | { readonly fire: readonly [squeeze: number, expand: number] };

const conv = (out: number, kernel = 3, stride = 1, padding = 1): Row => ({ conv: [out, kernel, stride, padding] });
const pool = (kernel: number): Row => ({ pool: { kernel, stride: 2, padding: 0 } });
const poolCeil: Row = { pool: { kernel: 3, stride: 2, padding: 0, ceil: true } };
const fire = (squeeze: number, expand: number): Row => ({ fire: [squeeze, expand] });

// biome-ignore format: a table reads best by stages
const TABLES: Readonly<Record<string, readonly Row[]>> = {
  squeezenet1_0: [
    conv(96, 7, 2, 0), poolCeil,
    fire(16, 64), fire(16, 64), fire(32, 128), poolCeil,
    fire(32, 128), fire(48, 192), fire(48, 192), fire(64, 256), poolCeil,
    fire(64, 256),
  ],
  squeezenet1_1: [
    conv(64, 3, 2, 0), poolCeil,
    fire(16, 64), fire(16, 64), poolCeil,
    fire(32, 128), fire(32, 128), poolCeil,
    fire(48, 192), fire(48, 192), fire(64, 256), fire(64, 256),
  ],
  vgg16: [
    conv(64), conv(64), pool(2),
    conv(128), conv(128), pool(2),
    conv(256), conv(256), conv(256), pool(2),
    conv(512), conv(512), conv(512), pool(2),
    conv(512), conv(512), conv(512),
  ],
  alexnet: [
    conv(64, 11, 4, 2), pool(3),
    conv(192, 5, 1, 2), pool(3),
    conv(384), conv(256), conv(256),
  ],
};

export const PLAIN_NAMES = Object.keys(TABLES);

/** A pool as a module. */
export class Pool implements Module {
  constructor(private readonly attrs: PoolAttrs) {}

  forward(exec: Exec, x: Tensor): Tensor {
    return exec.run(maxPool, [x], this.attrs);
  }
}

/** SqueezeNet's fire module: few channels by 1×1, then 1×1 and 3×3 side by side, in this order. */
export class Fire implements Module {
  private readonly squeeze: ConvReLU;
  private readonly expand1x1: ConvReLU;
  private readonly expand3x3: ConvReLU;
  private readonly widths: readonly [number, number];

  constructor(store: WeightStore, options: { in: number; squeeze: number; expand1x1: number; expand3x3: number }) {
    const { in: inChannels, squeeze, expand1x1, expand3x3 } = options;
    const one = (out: number, input: number) => {
      return { outChannels: out, inChannels: input, kernel: 1, stride: 1, padding: 0 };
    };
    this.squeeze = new ConvReLU(store, "squeeze", one(squeeze, inChannels));
    this.expand1x1 = new ConvReLU(store, "expand1x1", one(expand1x1, squeeze));
    this.expand3x3 = new ConvReLU(store, "expand3x3", { ...one(expand3x3, squeeze), kernel: 3, padding: 1 });
    this.widths = [expand1x1, expand3x3];
  }

  forward(exec: Exec, x: Tensor): Tensor {
    return exec.device.scope(() => {
      const few = this.squeeze.forward(exec, x);
      const branches = [this.expand1x1.forward(exec, few), this.expand3x3.forward(exec, few)];
      return exec.run(concatChannels, branches, { channels: this.widths });
    });
  }
}

export class PlainTrunk implements Trunk {
  readonly channels: number;
  private readonly modules: Named[] = [];

  /**
   * @param store weights below `features.`
   * @throws UsageError for a name that is not in the table
   */
  constructor(store: WeightStore, architecture: string) {
    const table = TABLES[architecture];
    if (!table)
      throw new UsageError(
        "UNSUPPORTED_ARCHITECTURE",
        `nets: trunk "${architecture}" is not supported — expected one of ${PLAIN_NAMES.join(", ")}`,
      );
    let channels = 3;
    let place = 0;
    const add = (module: Module) => this.modules.push({ name: `features.${place++}`, module });
    for (const row of table) {
      if ("pool" in row) add(new Pool(row.pool));
      else if ("fire" in row) {
        const [squeeze, expand] = row.fire;
        const options = { in: channels, squeeze, expand1x1: expand, expand3x3: expand };
        add(new Fire(store.below(`${place}.`), options));
        channels = 2 * expand;
      } else {
        const [outChannels, kernel, stride, padding] = row.conv;
        const spec = { outChannels, inChannels: channels, kernel, stride, padding };
        const module = new ConvReLU(store, String(place), spec);
        const bare = { forward: (exec: Exec, x: Tensor) => module.forward(exec, x, false) };
        this.modules.push({
          name: `features.${place + 1}`,
          module,
          before: { name: `features.${place}`, module: bare },
        });
        place += 2;
        channels = outChannels;
      }
    }
    this.channels = channels;
  }

  forward(exec: Exec, images: Tensor, watch?: Watch): Tensor {
    return inSequence(exec, this.modules, images, watch);
  }
}
