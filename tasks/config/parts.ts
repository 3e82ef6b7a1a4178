/** @file Schema pieces that evaluation and training files share: folders, data sets, inference, ASMK. */
import { z } from "zod";
import { asmkParameters, asmkSchema } from "../../asmk/parameters.js";
import type { DatasetSpec } from "../../data/datasets/load.js";

/** The published multi-scale factors. */
export const SEVEN_SCALES = [2.0, 1.414, 1.0, 0.707, 0.5, 0.353, 0.25];

export const count = z.int({ error: "expected a whole number" }).min(1, { error: "expected at least 1" });
export const factor = z.number().positive({ error: "expected a number above 0" });
export const scales = z.array(factor).min(1, { error: "expected at least one scale" });
export const between = (low: number, high: number) => {
  const error = `expected a number from ${low} to ${high}`;
  return z.number().min(low, { error }).max(high, { error });
};
const text = z.string().min(1, { error: "expected text that is not empty" });

const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);

/** A data set as a file names it, in one of two forms; data/datasets says what they mean. */
const datasetMapping = z
  .strictObject({
    name: text,
    image_root: text.optional(),
    database_list: text.nullable().optional(),
    query_list: text.nullable().optional(),
    images: text.optional(),
    gnd: text.nullable().optional(),
    queries: z.union([text, z.array(z.strictObject({ image: text, box: box.nullable().optional() }))]).optional(),
  })
  .refine((d) => (d.image_root === undefined) !== (d.images === undefined && !d.gnd), {
    error: "expected either images or gnd (own data), or image_root (with database_list and query_list)",
  })
  .transform(
    ({ name, image_root, database_list = null, query_list = null, images, gnd, queries }): DatasetSpec =>
      image_root === undefined
        ? { name, images, gnd: gnd ?? undefined, queries }
        : { name, image_root, database_list, query_list },
  );

/** A name, a path with "/" of a pickle, or a mapping. */
export const datasetEntry = z.union([text, datasetMapping]);

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
