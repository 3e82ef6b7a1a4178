/** @file Training of FIRe: super-feature contrastive loss and decorrelation of attention maps (fire.md §5.4–5.6). */
import { FileFormatError } from "../../base/errors.js";
import type { HostTensor } from "../../base/tensor.js";
import type { Device } from "../../engine/device.js";
import { FireNetwork } from "../fire.js";
import { type BatchContrastOptions, batchContrast } from "../losses/batch-contrast.js";
import { decorrelationLoss } from "../losses/decorrelation.js";
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
      return [superFeatures, attention];
    },
    largestBytes: (height, width) => net.largestBytes(height, width),
    loss(data) {
      // rows are padded to multiples of four: of features by channels, of attention by locations, whose padding is zero
      const padded = data[0][0].length / N;
      const features = data.map(([f]) => columns(f, padded, dim));
      const { superfeature } = options;
      const sf =
        "temperature" in superfeature
          ? batchContrast(features, dim, superfeature)
          : superfeatureLoss(features, dim, superfeature);
      const at = decorrelationLoss(
        data.map(([, a]) => a),
        N,
        options.attention.weight,
      );
      const loss = { total: sf.loss + at.loss, terms: { superfeature: sf.loss, attention: at.loss } };
      return { loss, gradients: sf.gradients.map((g, i) => [columns(g, dim, padded), at.gradients[i]]) };
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
