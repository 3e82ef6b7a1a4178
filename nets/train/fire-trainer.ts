/** @file Training of FIRe: super-feature contrastive loss and decorrelation of attention maps (fire.md §5.4–5.6). */
import { FileFormatError } from "../../base/errors.js";
import type { HostTensor } from "../../base/tensor.js";
import type { Device } from "../../engine/device.js";
import { decorrelation } from "../../engine/ops/decorrelation.js";
import { FireNetwork } from "../fire.js";
import { type BatchContrastOptions, batchContrast } from "../losses/batch-contrast.js";
import { type SuperfeatureLossOptions, superfeatureLoss } from "../losses/superfeature.js";
import type { NetParams } from "../params.js";
import { State } from "../state.js";
import { type Head, NetworkTrainer } from "./network-trainer.js";
import { TrainingStore } from "./training-store.js";

export interface FireTrainerOptions {
  /** FIRe's own loss of a tuple; or that of a batch of pairs, where `temperature` is given. */
  readonly superfeature: SuperfeatureLossOptions | BatchContrastOptions;
  readonly attention: { readonly weight: number };
  /** Run images forward twice and keep no activations between: slower by a third, memory of one image. */
  readonly recompute?: boolean;
}

/** @throws FileFormatError when the weights do not fit the architecture */
export function fireTrainer(
  device: Device,
  tensors: ReadonlyMap<string, HostTensor>,
  params: NetParams,
  source: string,
  options: FireTrainerOptions,
): NetworkTrainer {
  if (!params.lit)
    throw new FileFormatError("NotACheckpoint", source, "net_params.lit: expected T, N and dim, got nothing");
  const { N } = params.lit;
  const state = new State(tensors, source);
  const store = new TrainingStore(device, state);
  const net = new FireNetwork(store, params);
  state.finish();
  const dim = net.outputDim;
  const head: Head = {
    forward(tape, images) {
      const { superFeatures, attention } = net.forwardBatch(images, tape);
      return [superFeatures, tape.run(decorrelation, [attention], { templates: N })];
    },
    largestBytes: (height, width) => net.largestBytes(height, width),
    loss(data) {
      // rows of features are padded to multiples of four channels
      const padded = data[0][0].length / N;
      const features = data.map(([f]) => columns(f, padded, dim));
      const { superfeature } = options;
      const sf =
        "temperature" in superfeature
          ? batchContrast(features, dim, superfeature)
          : superfeatureLoss(features, dim, superfeature);
      const { weight } = options.attention;
      const attention = data.reduce((sum, [, [term]]) => sum + weight * term, 0);
      const loss = { total: sf.loss + attention, terms: { superfeature: sf.loss, attention } };
      return { loss, gradients: sf.gradients.map((g) => [columns(g, dim, padded), Float32Array.of(weight)]) };
    },
  };
  return new NetworkTrainer({
    kind: "fire",
    device,
    state,
    tensors,
    store,
    head,
    runtime: net.runtime,
    build: (weights) => new FireNetwork(weights, params),
    recompute: options.recompute ?? false,
  });
}

/** Rows of `from` values cut or padded with zeros to rows of `to`. */
export function columns(rows: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return rows;
  const count = rows.length / from;
  const out = new Float32Array(count * to);
  const keep = Math.min(from, to);
  for (let r = 0; r < count; r++) out.set(rows.subarray(r * from, r * from + keep), r * to);
  return out;
}
