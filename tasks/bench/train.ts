/**
 * @file Training of FIRe: one tuple forward, backward and one step of Adam, through the trainer that `fire-gpu train` uses.
 * The rows run the same code from the same beginning; only the wait behind each half is the bench's own.
 */
import type { RgbImage } from "../../base/image.js";
import { elementCount } from "../../base/tensor.js";
import type { Device } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { type Op, run } from "../../engine/op.js";
import type { Cost } from "../../engine/profiler.js";
import type { Tensor } from "../../engine/tensor.js";
import { FireNetwork } from "../../nets/fire.js";
import { fireTrainer } from "../../nets/train/fire-trainer.js";
import type { TuplePass } from "../../nets/train/network-trainer.js";
import type { OptimiserOptions } from "../../nets/train/trainer.js";
import { initialState } from "../../nets/weights/initial.js";
import { benchPhoto, benchStore, NETWORKS, SEED } from "./nets.js";
import type { BenchSizes } from "./sizes.js";
import type { BenchCase } from "./timing.js";

/** What the rows of the section come to. */
export interface TrainingSpeed {
  readonly images: number;
  /** Of a tuple's images, in whole steps. */
  readonly imagesPerSecond: number;
  /** Medians: the way back over the way forward. */
  readonly backwardOverForward: number;
  /** The same in processor time, where the device computes in this process: steadier under load. */
  readonly backwardOverForwardByCpu: number | null;
  /** Most device memory in use by tensors during a step: weights, moments, activations, gradients. */
  readonly peakBytes: number;
}

/** The losses of FIRe as published (configs/train_fire.yml). */
const LOSSES = { superfeature: { margin: 1.1, weight: 0.02 }, attention: { weight: 0.1 } };
const ADAM: OptimiserOptions = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 };
/** The same arithmetic as any other rate, and the weights stay what they are. */
const RATES = { features: 0, lit: 0, dim_reduction: 0 };
/** Pixels between two photos of a tuple: neighbours resemble each other, so query and positive match. */
const SHIFT = 4;

/** Forward, backward, optimiser step and all of it. @param network a FIRe network of nets.ts */
export function trainCases(device: Device, network: string, size: BenchSizes["tuple"]): BenchCase[] {
  const { params } = NETWORKS[network];
  const { images: count, height, width } = size;
  const forward = tupleCost(device, network, size);
  const liveBefore = device.liveBytes;
  const trainer = fireTrainer(device, initialState("fire", params, SEED), params, "bench", LOSSES);
  const images = tuplePhotos(size);
  const values = trainer.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  // Adam reads gradient, weight and two moments, and writes all but the gradient
  const step: Cost = { flops: 12 * values, bytes: 28 * values };
  let pass: TuplePass | undefined;
  let peakBytes = 0;
  const ahead = async () => {
    pass = await trainer.forwardTuple(images);
  };
  const back = async () => {
    pass!.backward();
    pass!.free();
    await device.finish();
  };
  const adam = async () => {
    await trainer.step(ADAM, RATES);
    await device.finish();
  };
  const named = (what: string, cost: Cost) => ({ section: "train", name: what, cost });
  const tuple = `${count} x ${height}x${width}`;
  return [
    {
      ...named(`forward, ${tuple}`, forward.ahead),
      finish: ahead,
      settle: async () => pass!.free(),
    },
    { ...named(`backward, ${tuple}`, forward.back), prepare: ahead, finish: back, settle: adam },
    {
      ...named("optimiser step, Adam", step),
      async prepare() {
        await ahead();
        await back();
      },
      finish: adam,
    },
    {
      ...named(`whole step, ${tuple}`, added(forward.ahead, forward.back, step)),
      async finish() {
        // the pool's mark counts from here, so that earlier sections leave no trace
        device.memory.peakBytes = device.liveBytes;
        await trainer.accumulate(images);
        await adam();
        peakBytes = Math.max(peakBytes, device.memory.peakBytes - liveBefore);
      },
      peakBytes: () => peakBytes,
      close: () => trainer.destroy(),
    },
  ];
}

/** Photos of one scene, each a little further to the side. */
function tuplePhotos({ images, height, width }: BenchSizes["tuple"]): RgbImage[] {
  const scene = benchPhoto(width + SHIFT * images, height);
  return Array.from({ length: images }, (_, i) => {
    const data = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) {
      const from = (y * scene.width + i * SHIFT) * 3;
      data.set(scene.data.subarray(from, from + width * 3), y * width * 3);
    }
    return { width, height, data };
  });
}

/**
 * What a tuple asks for, whichever kernels compute it: forward each op once; back each op twice, once for each operand of
 * its products, save the first convolution, whose image needs no gradient.
 */
function tupleCost(device: Device, network: string, { images, height, width }: BenchSizes["tuple"]) {
  const store = benchStore(device, network);
  const net = new FireNetwork(store, NETWORKS[network].params);
  const costs: { cost: Cost; first: boolean }[] = [];
  // only recorded, and never run
  const plan = device.plan((input) => {
    const batch = input([images, height, width, 4], "f32");
    class Counting extends Inference {
      override run<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
        const output = run(this.device, op, inputs, attrs);
        const shapes = inputs.map((t) => t.shape);
        costs.push({ cost: op.cost(attrs, shapes, output.shape), first: inputs[0] === batch });
        return output;
      }
    }
    device.scope(() => {
      net.forwardBatch(batch, new Counting(device));
      return undefined;
    });
    return [];
  });
  plan.dispose();
  store.free();
  const times = (weight: (first: boolean) => number): Cost =>
    added(
      ...costs.map(({ cost, first }) => ({ flops: weight(first) * cost.flops, bytes: weight(first) * cost.bytes })),
    );
  return { ahead: times(() => 1), back: times((first) => (first ? 1 : 2)) };
}

function added(...costs: readonly Cost[]): Cost {
  return {
    flops: costs.reduce((sum, c) => sum + c.flops, 0),
    bytes: costs.reduce((sum, c) => sum + c.bytes, 0),
  };
}
