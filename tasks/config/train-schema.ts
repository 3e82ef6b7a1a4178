/** @file The training files of FIRe and HOW: every key, its type and its default (spec: fire.md §6, how.md §3). */
import { z } from "zod";
import { MOST_SKIPPED, RESNET_NAMES } from "../../nets/resnet.js";
import {
  asmk,
  between,
  codebookTraining,
  count,
  datasetEntry,
  factor,
  featuresNum,
  gpuId,
  imageSize,
  SEVEN_SCALES,
  scales,
} from "./parts.js";
import { isMap, type Yaml } from "./yaml.js";

const SKIP = { error: `expected 0 to ${MOST_SKIPPED}` };

export { MOST_SKIPPED, RESNET_NAMES };

/** Bottlenecks of the original ResNet, whose stride is on the first 1×1 (weights that Keras ships). An addition of fire-gpu. */
const strideOnFirst = z.boolean().optional();
const architecture = z.enum(RESNET_NAMES);
const skipLayer = z.int().min(0, SKIP).max(MOST_SKIPPED, SKIP);
const frequency = count.or(z.literal(0)).nullable();
const weight = z.number().min(0, { error: "expected 0 or more" });

const validation = z
  .strictObject({
    /** Also before the first epoch, as epoch 0: what the training is compared with. An addition of fire-gpu. */
    at_start: z.boolean().default(false),
    global_descriptor: z
      .strictObject({ frequency: frequency.default(null), datasets: z.array(datasetEntry).default([]) })
      .prefault({}),
    local_descriptor: z
      .strictObject({
        frequency: frequency.default(5),
        datasets: z.array(datasetEntry).default(["val_eccv20"]),
        codebook_training: codebookTraining,
        asmk,
      })
      .prefault({}),
  })
  .prefault({});

const runtime = z
  .strictObject({
    mean_std: z.tuple([z.array(z.number()).length(3), z.array(factor).length(3)]).default([
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ]),
    image_size: imageSize.default(1024),
    features_num: featuresNum.default(1000),
    scales: scales.default(SEVEN_SCALES),
    training_scales: scales.default([1]),
  })
  .prefault({});

const folders = (data: string, experiments: string) =>
  z
    .strictObject({
      data_folder: z.string().default(data),
      exp_folder: z.string().default(experiments),
      gpu_id: gpuId,
    })
    .prefault({});

const dataset = z
  .strictObject({
    name: z.string().default("retrieval-SfM-120k"),
    /** Your own: a folder a landmark, a CSV file, or rendered landmarks. An addition of fire-gpu. */
    images: z.string().optional(),
    mode: z.enum(["train", "val"]).default("train"),
    imsize: imageSize.default(1024),
    nnum: z.int().min(0).default(5),
    qsize: count.default(2000),
    poolsize: count.default(20000),
  })
  .prefault({});

const whitening = z.strictObject({ images: count.default(5000), features_num: featuresNum.default(null) }).prefault({});

const common = {
  lr_scheduler: z.strictObject({ gamma: factor.default(0.99) }).prefault({}),
  dataset,
  loader: z.strictObject({ batch_size: count.default(5) }).prefault({}),
  // Additions of fire-gpu: the seed of all draws, less memory for more time, and how often the state is kept.
  seed: z.int().min(0).default(0),
  recompute: z.boolean().default(false),
  save_minutes: z.number().min(0, { error: "expected 0 or more" }).default(5),
};

export const trainFireSchema = z.strictObject({
  demo_train: folders("fire_data", "fire_experiments"),
  training: z
    .strictObject({
      epochs: z.int().min(0).default(200),
      optimizer: z.strictObject({ lr: factor.default(3e-5), weight_decay: weight.default(1e-4) }).prefault({}),
      loss_superfeature: z
        .strictObject({
          margin: factor.default(1.1),
          weight: weight.default(0.02),
          /** "distance" is the textbook test; the published training divides by an "index". An addition of fire-gpu. */
          ratio_test: z.enum(["index", "distance"]).default("index"),
          /** "batch": the pairs of a batch are each other's negatives, for networks from nothing. Additions of fire-gpu. */
          negatives: z.enum(["mined", "batch"]).default("mined"),
          temperature: factor.default(0.1),
        })
        .prefault({}),
      loss_attention: z.strictObject({ weight: weight.default(0.1) }).prefault({}),
      initialize_dim_reduction: whitening.or(z.literal(false)),
      transform: z
        .strictObject({
          flip_prob: between(0, 1).default(0.5),
          /** See tasks/train/augment.ts. Additions of fire-gpu. */
          zoom: between(0, 0.9).default(0),
          jitter: between(0, 1).default(0),
          same_prob: between(0, 1).default(0),
        })
        .prefault({}),
      ...common,
    })
    .prefault({}),
  validation,
  model: z
    .strictObject({
      architecture: architecture.default("resnet50"),
      pretrained: z
        .string()
        .nullable()
        .default("http://download.europe.naverlabs.com/ComputerVision/FIRe/pretraining/fire_imagenet.pth"),
      skip_layer: skipLayer.default(1),
      stride_on_first: strideOnFirst,
      dim_reduction: z.strictObject({ dim: count.default(128) }).prefault({}),
      lit: z.strictObject({ T: count.default(6), N: count.default(256), dim: count.default(1024) }).prefault({}),
      runtime,
    })
    .prefault({}),
});

export const trainHowSchema = z.strictObject({
  demo_train: folders("how_data", "how_experiments"),
  training: z.strictObject({
    epochs: z.int().min(0).default(20),
    optimizer: z.strictObject({ lr: factor, weight_decay: weight.default(1e-4) }),
    loss: z.strictObject({ margin: factor.default(0.8) }).prefault({}),
    initialize_dim_reduction: whitening.or(z.literal(false)),
    ...common,
  }),
  validation,
  model: z.strictObject({
    architecture,
    pretrained: z.union([z.boolean(), z.string()]).nullable().default(true),
    skip_layer: skipLayer,
    stride_on_first: strideOnFirst,
    dim_reduction: z.strictObject({ dim: count.default(128) }).prefault({}),
    smoothing: z
      .strictObject({ kernel_size: count.default(3) })
      .nullable()
      .prefault({}),
    runtime,
  }),
});

export type TrainFireParams = z.output<typeof trainFireSchema>;
export type TrainHowParams = z.output<typeof trainHowSchema>;

/** Which network a training file describes: HOW has `training.loss` or `model.smoothing`, FIRe two losses and LIT. */
export function trainFamily(config: Yaml): "fire" | "how" {
  const has = (section: string, key: string) => {
    const map = isMap(config) ? config[section] : undefined;
    return isMap(map) && Object.hasOwn(map, key);
  };
  if (has("model", "lit") || has("training", "loss_superfeature")) return "fire";
  return has("training", "loss") || has("model", "smoothing") ? "how" : "fire";
}
