/** @file The evaluation file: every key, its type and its default (spec: fire.md §6, how.md §3). */
import { z } from "zod";
import { asmk, codebookTraining, datasetEntry, featuresNum, gpuId, imageSize, SEVEN_SCALES, scales } from "./parts.js";

const FIRE_URL = "http://download.europe.naverlabs.com/ComputerVision/FIRe/official/fire.pth";

/** The steps of HOW's evaluation in parts (spec: how.md §4.4). */
export const STEPS = [
  "train_codebook",
  "aggregate_database",
  "build_ivf",
  "query_ivf",
  "aggregate_build_query",
] as const;

/** `"10_0"` or [10, 0]: (total, index), index counted from 0. */
const partition = z
  .union(
    [
      z
        .string()
        .regex(/^\d+_\d+$/, { error: 'expected total and index such as "10_0" or [10, 0]' })
        .transform((s) => s.split("_").map(Number) as [number, number]),
      z.tuple([z.int(), z.int()]),
    ],
    { error: 'expected "10_0" (in quotes: a bare 10_0 is the number 100) or [10, 0]' },
  )
  .refine(([total, index]) => total >= 1 && index >= 0 && index < total, {
    error: "expected [total, index] with 0 ≤ index < total",
  });

const multistep = z
  .union([
    z.literal(false),
    z.strictObject({
      step: z.enum(STEPS),
      partition: partition.nullable().default(null),
      distractors: z.string().nullable().default(null),
    }),
  ])
  .nullable()
  .default(false)
  .transform((m) => m || null);

export const evalSchema = z.strictObject({
  demo_eval: z
    .strictObject({
      data_folder: z.string().default("fire_data"),
      exp_folder: z.string().default("fire_experiments"),
      gpu_id: gpuId,
      net_path: z.string().default(FIRE_URL),
    })
    .prefault({}),
  evaluation: z
    .strictObject({
      inference: z
        .strictObject({
          image_size: imageSize.default(1024),
          scales: scales.default(SEVEN_SCALES),
          features_num: featuresNum.default(1000),
        })
        .prefault({}),
      global_descriptor: z.strictObject({ datasets: z.array(datasetEntry).default([]) }).prefault({}),
      local_descriptor: z
        .strictObject({
          datasets: z.array(datasetEntry).default(["val_eccv20", "roxford5k", "rparis6k"]),
          codebook_training: codebookTraining,
          /** A codebook file to use instead of training one; an addition of fire-gpu. */
          codebook: z.string().nullable().default(null),
          asmk,
        })
        .prefault({}),
      multistep,
    })
    .prefault({}),
});

/** What an evaluation runs with, defaults filled in. */
export type EvalParams = z.output<typeof evalSchema>;
