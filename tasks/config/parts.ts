/** @file Schema pieces that evaluation and training files share: folders, data sets, inference, ASMK. */
import { z } from "zod";
import { asmkParameters, asmkSchema } from "../../asmk/parameters.js";
import { datasetEntry } from "../../data/datasets/spec.js";

export { datasetEntry } from "../../data/datasets/spec.js";

/** The published multi-scale factors. */
export const SEVEN_SCALES = [2.0, 1.414, 1.0, 0.707, 0.5, 0.353, 0.25];

export const count = z.int({ error: "expected a whole number" }).min(1, { error: "expected at least 1" });
export const factor = z.number().positive({ error: "expected a number above 0" });
export const scales = z.array(factor).min(1, { error: "expected at least one scale" });
export const between = (low: number, high: number) => {
  const error = `expected a number from ${low} to ${high}`;
  return z.number().min(low, { error }).max(high, { error });
};
export const gpuId = z.int().min(0).nullable().default(0);

/** Parameters of ASMK (spec: asmk.md §1); what the schema alone cannot see is checked by the ASMK room itself. */
export const asmk = asmkSchema.prefault({}).superRefine((section, context) => {
  try {
    asmkParameters(section);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

/** Which images teach the codebook; `dataset` and `features_num` are additions of fire-gpu. */
export const codebookTraining = z
  .strictObject({
    images: count.default(20000),
    scales: scales.default([1]),
    /** Any data set entry; its database images are used. */
    dataset: datasetEntry.default("train"),
    /** Left out: the same as `inference.features_num`. */
    features_num: count.nullable().optional(),
  })
  .prefault({});
