/** @file Schema pieces that evaluation and training files share: folders, data sets, inference, ASMK. */
import { z } from "zod";
import { asmkSchema, checkAssignment, checkSearchOptions, parseSize } from "../../asmk/parameters.js";
import { datasetHint } from "../../data/datasets/load.js";
import { datasetEntry as anyEntry } from "../../data/datasets/spec.js";

/** The published multi-scale factors. */
export const SEVEN_SCALES = [2.0, 1.414, 1.0, 0.707, 0.5, 0.353, 0.25];

export const count = z.int({ error: "expected a whole number" }).min(1, { error: "expected at least 1" });
export const factor = z.number().positive({ error: "expected a number above 0" });

/** Beyond it no device could hold what a photo becomes; published factors end at 2. */
export const MAX_SCALE = 64;
/** Below it a photo of a thousand pixels has less than the trunk makes one cell of. */
export const MIN_SCALE = 1 / 64;
export const scales = z
  .array(
    factor
      .min(MIN_SCALE, { error: `expected at least ${MIN_SCALE}` })
      .max(MAX_SCALE, { error: `expected at most ${MAX_SCALE}` }),
  )
  .min(1, { error: "expected at least one scale" });

/** More pixels of one side than any photo has: more is a slip. */
export const MAX_IMAGE_SIZE = 1_000_000;
export const imageSize = count.max(MAX_IMAGE_SIZE, { error: `expected at most ${MAX_IMAGE_SIZE}` });
/** Descriptors an image. */
export const featuresNum = z
  .int({ error: "expected a whole number, or null for all" })
  .min(1, { error: "expected at least 1, or null for all" })
  .nullable();

export const between = (low: number, high: number) => {
  const error = `expected a number from ${low} to ${high}`;
  return z.number().min(low, { error }).max(high, { error });
};
/** A name that is known, a path with "/" of a pickle, or a mapping. */
export const datasetEntry = anyEntry.superRefine((spec, context) => {
  const hint = typeof spec === "string" ? datasetHint(spec) : null;
  if (hint) context.addIssue({ code: "custom", message: `expected a data set, got ${JSON.stringify(spec)}; ${hint}` });
});

export const gpuId = z.int().min(0).nullable().default(0);

/** Parameters of ASMK (spec: asmk.md §1); what the schema alone cannot see is checked by the ASMK room itself. */
export const asmk = asmkSchema.prefault({}).superRefine(({ train_codebook, build_ivf, query_ivf }, context) => {
  const check = (path: string[], run: () => unknown): void => {
    try {
      run();
    } catch (error) {
      context.addIssue({ code: "custom", path, message: (error as Error).message.replace(/^asmk: /, "") });
    }
  };
  const { size } = train_codebook.codebook;
  check(["train_codebook", "codebook", "size"], () => parseSize(size));
  if (context.issues.length > 0) return;
  const { topk } = query_ivf.search;
  const { similarity_threshold: similarityThreshold, alpha } = query_ivf.similarity;
  check(["query_ivf", "similarity"], () => checkSearchOptions({ topk, similarityThreshold, alpha }));
  for (const [name, { quantize }] of Object.entries({ build_ivf, query_ivf }))
    check([name, "quantize", "multiple_assignment"], () =>
      checkAssignment(quantize.multiple_assignment, parseSize(size)),
    );
});

/** Which images teach the codebook; `dataset` and `features_num` are additions of fire-gpu. */
export const codebookTraining = z
  .strictObject({
    images: count.default(20000),
    scales: scales.default([1]),
    /** Any data set entry; its database images are used. */
    dataset: datasetEntry.default("train"),
    /** Left out: the same as `inference.features_num`. */
    features_num: featuresNum.optional(),
  })
  .prefault({});
