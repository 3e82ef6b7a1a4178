/** @file Blocks of SqueezeNet, VGG and AlexNet: value and gradients. */
import { ConvReLU } from "../../../nets/layers.js";
import { Fire, Pool } from "../../../nets/trunks/plain.js";
import { inSequence, type Module } from "../../../nets/trunks/trunk.js";
import type { WeightStore } from "../../../nets/weight-store.js";
import { checkBlock } from "../block.js";
import type { CaseHandler } from "../case.js";

const sequence = (...modules: Module[]): Module => ({
  forward: (exec, x) =>
    inSequence(
      exec,
      modules.map((module, i) => ({ name: String(i), module })),
      x,
    ),
});

const conv = (store: WeightStore, name: string, [i, o]: number[], kernel: number, stride = 1, padding = 1) =>
  new ConvReLU(store, name, { outChannels: o, inChannels: i, kernel, stride, padding });

const run: CaseHandler = (golden) => {
  const { arch, settings } = golden.json;
  return checkBlock(golden, (store) => {
    if (arch === "Fire") {
      const pool = new Pool({ kernel: 3, stride: 2, padding: 0, ceil: true });
      return settings.maxpool_before
        ? sequence(pool, new Fire(store.below("1."), settings))
        : new Fire(store, settings);
    }
    const [a, b, c] = settings.channels;
    if (arch === "vgg_stage")
      return sequence(
        conv(store, "0", [a, b], 3),
        conv(store, "2", [b, c], 3),
        new Pool({ kernel: 2, stride: 2, padding: 0 }),
      );
    if (arch === "alexnet_stem")
      return sequence(
        conv(store, "0", [a, b], 11, 4, 2),
        new Pool({ kernel: 3, stride: 2, padding: 0 }),
        conv(store, "3", [b, c], 5, 1, 2),
      );
    throw new Error(`trunk_block: unknown block ${arch}`);
  });
};
export default run;
