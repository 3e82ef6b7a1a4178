/** @file The options of ASMK: their YAML form (the reference's key names), defaults, checks, and the flat form used here. */
import { z } from "zod";
import { checkOptions, finite, flag, orNull, whole } from "../base/check.js";
import { UsageError } from "../base/errors.js";

/** Where descriptors are turned into word codes, for the database and for queries alike. */
export interface EncodeOptions {
  /** How many nearest words a descriptor is assigned to; at least 1, at most the number of words. */
  readonly multipleAssignment: number;
  /** Residuals as sign bits (ASMK*), else as normalised float32 vectors. */
  readonly binary: boolean;
}

/** How entries are scored and how many images come back. */
export interface SearchOptions {
  /** Images returned for a query; null returns every image, those with score 0 included. */
  readonly topk: number | null;
  /** Entries below this similarity are dropped; in [−1, 1]. */
  readonly similarityThreshold: number;
  /** Exponent of the similarity. */
  readonly alpha: number;
}

/** All options, flat. Field by field the defaults are the reference's. */
export interface AsmkParameters extends SearchOptions {
  /** Number of visual words. */
  readonly words: number;
  /** `codebook.size` as it was written ("64k"), which the reference's codebook files repeat. */
  readonly size: number | string;
  readonly binary: boolean;
  readonly useIdf: boolean;
  readonly databaseAssignment: number;
  readonly queryAssignment: number;
  /** `index.gpu_id`: null asks for the CPU. */
  readonly gpuId: number | null;
}

const assignment = z.int().min(1);
const empty = z.strictObject({}).nullable();

/** The `asmk` section of the YAML files. Every key may be left out; a key that is not listed is an error. */
export const asmkSchema = z.strictObject({
  index: z.strictObject({ gpu_id: z.int().min(0).nullable().default(0) }).prefault({}),
  train_codebook: z
    .strictObject({
      codebook: z.strictObject({ size: z.union([z.int(), z.string()]).default("64k") }).prefault({}),
    })
    .prefault({}),
  build_ivf: z
    .strictObject({
      kernel: z.strictObject({ binary: z.union([z.boolean(), z.enum(["bin", "nobin"])]).default(true) }).prefault({}),
      ivf: z.strictObject({ use_idf: z.boolean().default(false) }).prefault({}),
      quantize: z.strictObject({ multiple_assignment: assignment.default(1) }).prefault({}),
      aggregate: empty.prefault({}),
    })
    .prefault({}),
  query_ivf: z
    .strictObject({
      quantize: z.strictObject({ multiple_assignment: assignment.default(5) }).prefault({}),
      aggregate: empty.prefault({}),
      search: z.strictObject({ topk: z.int().min(1).nullable().default(null) }).prefault({}),
      similarity: z
        .strictObject({
          similarity_threshold: z.number().min(-1).max(1).default(0),
          alpha: z.number().default(3),
        })
        .prefault({}),
    })
    .prefault({}),
});

/**
 * The options of a YAML section, checked, with defaults filled in.
 * @param section what the YAML file holds under `asmk`; `{}` or undefined gives the defaults
 * @throws UsageError naming the key
 */
export function asmkParameters(section: unknown = {}): AsmkParameters {
  const parsed = asmkSchema.safeParse(section ?? {});
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UsageError("AsmkParameters", `asmk.${issue.path.join(".")}: ${issue.message}`);
  }
  const { index, train_codebook: train, build_ivf: build, query_ivf: query } = parsed.data;
  const parameters: AsmkParameters = {
    words: parseSize(train.codebook.size),
    size: train.codebook.size,
    binary: build.kernel.binary === true || build.kernel.binary === "bin",
    useIdf: build.ivf.use_idf,
    databaseAssignment: build.quantize.multiple_assignment,
    queryAssignment: query.quantize.multiple_assignment,
    topk: query.search.topk,
    similarityThreshold: query.similarity.similarity_threshold,
    alpha: query.similarity.alpha,
    gpuId: index.gpu_id,
  };
  checkSearchOptions(parameters);
  checkAssignment(Math.max(parameters.databaseAssignment, parameters.queryAssignment), parameters.words);
  return parameters;
}

/**
 * Codebook size: an integer, or a string with the suffix k (× 1024) or M (× 1024²): "64k" is 65,536.
 * @throws UsageError for anything else, a plain numeric string included, as the reference does
 */
export function parseSize(size: number | string): number {
  const match = /^(\d+)([kM])$/.exec(String(size));
  const words =
    typeof size === "number" ? size : match ? Number(match[1]) * (match[2] === "k" ? 1024 : 1024 ** 2) : Number.NaN;
  if (!Number.isSafeInteger(words) || words < 1)
    throw new UsageError(
      "AsmkParameters",
      `asmk: codebook size — expected a positive integer or a string like "64k" or "1M", got ${JSON.stringify(size)}`,
    );
  return words;
}

/** @throws UsageError when a negative threshold meets a broken exponent, which would give NaN scores. */
export function checkSearchOptions({ topk, similarityThreshold, alpha }: SearchOptions): void {
  if (similarityThreshold < 0 && !Number.isInteger(alpha))
    throw new UsageError(
      "AsmkParameters",
      `asmk: similarity_threshold ${similarityThreshold} lets negative similarities pass, whose power ${alpha} is not a number; use a whole alpha or a threshold of at least 0`,
    );
  if (topk !== null && !(Number.isInteger(topk) && topk >= 1))
    throw new UsageError("AsmkParameters", `asmk: topk — expected null or an integer of at least 1, got ${topk}`);
}

/** @throws UsageError unless 1 ≤ multipleAssignment ≤ words: missing neighbours would be taken as the last word. */
export function checkAssignment(multipleAssignment: number, words: number): void {
  if (!(Number.isInteger(multipleAssignment) && multipleAssignment >= 1 && multipleAssignment <= words))
    throw new UsageError(
      "AsmkParameters",
      `asmk: multiple_assignment — expected an integer from 1 to the ${words} words of the codebook, got ${multipleAssignment}`,
    );
}

/** Of the flat form, for who puts it together by hand. */
export const PARAMETER_RULES = {
  words: whole(1),
  size: { expected: "a number or a text", fits: (v: unknown) => typeof v === "string" || whole(1).fits(v) },
  binary: flag,
  useIdf: flag,
  databaseAssignment: whole(1),
  queryAssignment: whole(1),
  gpuId: orNull(whole(0)),
  topk: orNull(whole(1)),
  similarityThreshold: {
    expected: "a number from -1 to 1",
    fits: (v: unknown) => finite.fits(v) && Math.abs(v as number) <= 1,
  },
  alpha: finite,
};

/** @throws UsageError naming what is missing, unknown or out of range: the YAML form instead of `asmkParameters(…)` of it, for one */
export function checkParameters(parameters: AsmkParameters): void {
  checkOptions("Asmk: parameters", parameters, PARAMETER_RULES, Object.keys(PARAMETER_RULES));
}
