/** @file Training of HOW: contrastive loss on global descriptors (how.md §6), which are attention-weighted sums. */
import type { HostTensor } from "../../base/tensor.js";
import type { Device } from "../../engine/device.js";
import { weightedSum } from "../../engine/ops/select.js";
import { HowNetwork } from "../how.js";
import { contrastiveLoss } from "../losses/contrastive.js";
import type { NetParams } from "../params.js";
import { State } from "../state.js";
import { columns } from "./fire-trainer.js";
import { type Head, NetworkTrainer } from "./network-trainer.js";
import type { Trainer } from "./trainer.js";
import { TrainingStore } from "./training-store.js";

export interface HowTrainerOptions {
  readonly margin: number;
  /** Run images forward twice and keep no activations between: slower by a third, memory of one image. */
  readonly recompute?: boolean;
}

const NORM_EPSILON = 1e-6;

/** @throws FileFormatError when the weights do not fit the architecture */
export function howTrainer(
  device: Device,
  tensors: ReadonlyMap<string, HostTensor>,
  params: NetParams,
  source: string,
  options: HowTrainerOptions,
): Trainer {
  const state = new State(tensors, source);
  const store = new TrainingStore(device, state);
  const net = new HowNetwork(store, params);
  state.finish();
  const dim = net.outputDim;
  const padded = Math.ceil(dim / 4) * 4;
  const head: Head = {
    forward(tape, images) {
      const { features, attention } = net.forward(images, tape);
      return [tape.run(weightedSum, [features, attention], { images: images.shape[0] }), attention];
    },
    largestBytes: (height, width) => net.largestBytes(height, width),
    loss(data) {
      const sums = data.map(([blocks]) => addBlocks(blocks, padded, dim));
      // The attention is divided by its maximum first. That changes nothing but the weight of epsilon, so the maximum is a constant here.
      const scales = data.map(([, attention]) => 1 / attention.reduce((a, b) => Math.max(a, b), 0));
      const unit = sums.map((s, i) => normalised(s, scales[i]));
      const { loss, gradients } = contrastiveLoss(
        unit.map((u) => u.descriptor),
        options.margin,
      );
      return {
        loss: { total: loss, terms: { contrastive: loss } },
        gradients: gradients.map((g, i) => {
          const back = columns(unit[i].back(g), dim, padded);
          const blocks = new Float32Array(data[i][0].length);
          for (let at = 0; at < blocks.length; at += padded) blocks.set(back, at);
          return [blocks, new Float32Array(data[i][1].length)];
        }),
      };
    },
  };
  return new NetworkTrainer({
    kind: "how",
    device,
    state,
    tensors,
    store,
    head,
    runtime: net.runtime,
    build: (weights) => new HowNetwork(weights, params),
    recompute: options.recompute ?? false,
  });
}

function addBlocks(blocks: Float32Array, padded: number, dim: number): Float64Array {
  const sum = new Float64Array(dim);
  for (let at = 0; at < blocks.length; at += padded) for (let d = 0; d < dim; d++) sum[d] += blocks[at + d];
  return sum;
}

/** x·scale / (‖x·scale‖ + 1e-6), and the way back to the gradient of x. */
function normalised(x: Float64Array, scale: number): { descriptor: Float64Array; back(g: Float32Array): Float32Array } {
  const length = Math.sqrt(x.reduce((s, v) => s + v * v, 0)) * scale;
  const divisor = length + NORM_EPSILON;
  const descriptor = x.map((v) => (v * scale) / divisor);
  return {
    descriptor,
    back(g) {
      let along = 0;
      for (let d = 0; d < x.length; d++) along += g[d] * x[d] * scale;
      const radial = length > 0 ? along / (length * divisor * divisor) : 0;
      return Float32Array.from(x, (v, d) => scale * (g[d] / divisor - radial * v * scale));
    },
  };
}
