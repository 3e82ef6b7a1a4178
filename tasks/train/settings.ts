/** @file One form of what a FIRe or a HOW training file asks for. */

import { UsageError } from "../../base/errors.js";
import type { NetParams } from "../../nets/params.js";
import type { FireTrainerOptions } from "../../nets/train/fire-trainer.js";
import type { OptimiserOptions, ParameterInfo } from "../../nets/train/trainer.js";
import type { TrainFireParams, TrainHowParams } from "../config/train-schema.js";
import type { Variation } from "./augment.js";

/** The losses, weights and margins included. */
export type LossSettings =
  | {
      readonly kind: "fire";
      /** With a temperature where the pairs of a batch are each other's negatives. */
      readonly superfeature: FireTrainerOptions["superfeature"];
      readonly attention: { readonly weight: number };
    }
  | { readonly kind: "how"; readonly margin: number };

export interface TrainSettings {
  readonly kind: "fire" | "how";
  /** The whole file, defaults filled in and paths absolute; what is saved beside the results. */
  readonly params: TrainFireParams | TrainHowParams;
  readonly epochs: number;
  readonly seed: number;
  readonly optimiser: OptimiserOptions;
  readonly rate: number;
  readonly gamma: number;
  readonly loss: LossSettings;
  readonly flip: number;
  readonly variation: Variation;
  /** Run images forward twice and keep no activations between. */
  readonly recompute: boolean;
  readonly saveSeconds: number;
  /** `model` of the file: what a checkpoint says of its network. */
  readonly net: NetParams;
  readonly runtime: NonNullable<NetParams["runtime"]>;
}

/** Adam as torch has it by default. */
const ADAM = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** @param params a checked training file */
export function trainSettings(params: TrainFireParams | TrainHowParams): TrainSettings {
  const { training, model } = params;
  return {
    kind: "lit" in model ? "fire" : "how",
    params,
    epochs: training.epochs,
    seed: training.seed,
    optimiser: { ...ADAM, weightDecay: training.optimizer.weight_decay },
    rate: training.optimizer.lr,
    gamma: training.lr_scheduler.gamma,
    loss: lossOf(params),
    flip: "transform" in training ? training.transform.flip_prob : 0,
    variation: "transform" in training ? training.transform : { zoom: 0, jitter: 0, same_prob: 0 },
    recompute: training.recompute,
    saveSeconds: 60 * training.save_minutes,
    net: { ...model, stride_on_first: model.stride_on_first ?? false },
    runtime: model.runtime,
  };
}

function lossOf({ training }: TrainFireParams | TrainHowParams): LossSettings {
  if ("loss" in training) return { kind: "how", margin: training.loss.margin };
  const { margin, weight, ratio_test: ratioTest, negatives, temperature } = training.loss_superfeature;
  if (negatives === "batch" && (training.dataset.nnum > 0 || training.loader.batch_size < 2))
    throw new UsageError(
      "BatchNegatives",
      `training.loss_superfeature.negatives: batch — expected training.dataset.nnum 0 and a training.loader.batch_size of at least 2, got ${training.dataset.nnum} and ${training.loader.batch_size}`,
    );
  const superfeature = negatives === "batch" ? { weight, temperature } : { margin, weight, ratioTest };
  return { kind: "fire", superfeature, attention: training.loss_attention };
}

/** Does the loss look at all tuples of a batch together? */
export function comparesBatch({ loss }: Pick<TrainSettings, "loss">): boolean {
  return loss.kind === "fire" && "temperature" in loss.superfeature;
}

/** Learning rate of epoch e (from 1): multiplied by gamma after each epoch, as torch's ExponentialLR does it. */
export function rateAt({ rate, gamma }: Pick<TrainSettings, "rate" | "gamma">, epoch: number): number {
  let value = rate;
  for (let e = 1; e < epoch; e++) value *= gamma;
  return value;
}

/** The whitening is fixed after its initialisation: gradients flow through it, but its rate is 0. */
export function groupRates(rate: number): Readonly<Record<ParameterInfo["group"], number>> {
  return { features: rate, lit: rate, dim_reduction: 0 };
}
