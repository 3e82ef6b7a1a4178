/** @file `net_params` of a checkpoint: what a FIRe or HOW network is built from (fire.md §6, how.md §2), checked. */
import { z } from "zod";
import { FileFormatError } from "../base/errors.js";
import type { RuntimeParams } from "./network.js";

const scales = z.array(z.number().positive()).min(1);

const runtime = z.object({
  mean_std: z.tuple([z.array(z.number()).length(3), z.array(z.number().positive()).length(3)]),
  image_size: z.number().int().positive(),
  features_num: z.number().int().positive().nullable(),
  scales,
  training_scales: scales,
});

const schema = z.object({
  architecture: z.string(),
  skip_layer: z.number().int().min(0).default(0),
  stride_on_first: z.boolean().default(false),
  dim_reduction: z.object({ dim: z.number().int().positive() }).nullish(),
  smoothing: z.object({ kernel_size: z.number().int().positive() }).nullish(),
  lit: z
    .object({ T: z.number().int().positive(), N: z.number().int().positive(), dim: z.number().int().positive() })
    .nullish(),
  runtime: runtime.optional(),
});

export type NetParams = z.infer<typeof schema>;

/** Defaults of old HOW files, which state no runtime. */
const DEFAULT_RUNTIME: RuntimeParams = {
  meanStd: [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ],
  imageSize: 1024,
  featuresNum: 1000,
  scales: [2.0, 1.414, 1.0, 0.707, 0.5, 0.353, 0.25],
  trainingScales: [1],
};

/**
 * Checks the plain `net_params` of a checkpoint. `pretrained` and other keys of the reference are ignored; the extension
 * `stride_on_first` says that a bottleneck stage's stride sits on its first 1×1.
 * @throws FileFormatError naming the key that is wrong.
 */
export function parseNetParams(plain: unknown, file: string): NetParams {
  const result = schema.safeParse(plain);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new FileFormatError("NotACheckpoint", file, `net_params.${issue.path.join(".") || "(all)"}: ${issue.message}`);
}

/** The runtime section, or the defaults of files that have none. */
export function runtimeOf(params: NetParams): RuntimeParams {
  const r = params.runtime;
  if (!r) return DEFAULT_RUNTIME;
  return {
    meanStd: r.mean_std,
    imageSize: r.image_size,
    featuresNum: r.features_num,
    scales: r.scales,
    trainingScales: r.training_scales,
  };
}
