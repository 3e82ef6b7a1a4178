/** @file Relative paths of a configuration count from its folder: made absolute once, so that saved copies mean the same. */
import { resolve } from "node:path";
import type { DatasetSpec } from "../../data/datasets/load.js";
import type { EvalParams } from "./eval-schema.js";
import type { TrainFireParams, TrainHowParams } from "./train-schema.js";

/**
 * Copy of the parameters with absolute paths of the codebook and of the user's own data sets. HOW's mappings stay as
 * they are (they count from the data folder), and so do the folders of `demo_eval` (they count from the current one).
 */
export function withAbsolutePaths(params: EvalParams, base: string): EvalParams {
  const { global_descriptor: global, local_descriptor: local } = params.evaluation;
  const all = (specs: DatasetSpec[]) => specs.map((spec) => absoluteSpec(spec, base));
  return {
    ...params,
    evaluation: {
      ...params.evaluation,
      global_descriptor: { datasets: all(global.datasets) },
      local_descriptor: {
        ...local,
        datasets: all(local.datasets),
        codebook: local.codebook === null ? null : resolve(base, local.codebook),
        codebook_training: {
          ...local.codebook_training,
          dataset: absoluteSpec(local.codebook_training.dataset, base),
        },
      },
    },
  };
}

/** Copy with absolute paths of the user's own training and validation sets, and of a start file. */
export function withAbsoluteTrainPaths<T extends TrainFireParams | TrainHowParams>(params: T, base: string): T {
  const { training, validation, model } = params;
  const { global_descriptor: global, local_descriptor: local } = validation;
  const all = (specs: DatasetSpec[]) => specs.map((spec) => absoluteSpec(spec, base));
  const { images } = training.dataset;
  const { pretrained } = model;
  const isPath = typeof pretrained === "string" && !/^https?:\/\//.test(pretrained);
  return {
    ...params,
    training: {
      ...training,
      dataset: images === undefined ? training.dataset : { ...training.dataset, images: resolve(base, images) },
    },
    validation: {
      ...validation,
      global_descriptor: { ...global, datasets: all(global.datasets) },
      local_descriptor: {
        ...local,
        datasets: all(local.datasets),
        codebook_training: {
          ...local.codebook_training,
          dataset: absoluteSpec(local.codebook_training.dataset, base),
        },
      },
    },
    model: isPath ? { ...model, pretrained: resolve(base, pretrained) } : model,
  };
}

function absoluteSpec(spec: DatasetSpec, base: string): DatasetSpec {
  if (typeof spec === "string" || "image_root" in spec) return spec;
  const { name, images, gnd, queries } = spec;
  const own: { -readonly [K in keyof typeof spec]: (typeof spec)[K] } = { name };
  if (images !== undefined) own.images = resolve(base, images);
  if (gnd !== undefined) own.gnd = resolve(base, gnd);
  if (typeof queries === "string") own.queries = resolve(base, queries);
  else if (queries) own.queries = queries.map((q) => ({ ...q, image: resolve(base, q.image) }));
  return own;
}
