/** @file What an evaluation found: in memory, as the reference's pickle, and as JSON with every digit. */
import { basename } from "node:path";
import type { IndexStatistics } from "../../asmk/index-statistics.js";
import { writeFileAtomic } from "../../base/atomic.js";
import type { Dataset } from "../../data/datasets/types.js";
import { writePickle } from "../../formats/pickle-write.js";
import { NdArray, PyFloat } from "../../formats/python.js";
import type { DatasetScore } from "../metrics/protocol.js";
import { scoreKeys } from "../metrics/score-report.js";
import type { SkippedPhoto } from "../skips.js";
import type { QueryTimes } from "./query-times.js";
import type { Rankings } from "./rankings.js";

/** One data set by one method. */
export interface DatasetResult {
  readonly method: "asmk" | "global";
  readonly dataset: string;
  readonly images: number;
  readonly queryNames: readonly string[];
  /** Null without ground truth. */
  readonly score: DatasetScore | null;
  /** Mean seconds a query: quantise, aggregate, search; without extraction and what happens once. */
  readonly querySeconds: number;
  /** Extraction and search apart; null where the results of several runs were joined. */
  readonly queryTimes: QueryTimes | null;
  /** Of the inverted file; null for global descriptors. */
  readonly statistics: IndexStatistics | null;
  /** The pickle with ranks and scores; null for global descriptors. */
  readonly ranksFile: string | null;
}

/** A whole evaluation. */
export interface EvalResult {
  readonly experiment: string;
  /** Folder with log, parameters and results. */
  readonly folder: string;
  readonly model: {
    readonly file: string;
    readonly sha256: string;
    readonly kind: string;
    readonly architecture: string;
  };
  readonly device: string;
  readonly results: readonly DatasetResult[];
  /** Photos that were left out, with `--on-error skip`. */
  readonly skipped: readonly SkippedPhoto[];
}

/** Name of a data set for files and messages: a set given as a path is known by its file's name. */
export function datasetLabel({ name }: Pick<Dataset, "name">): string {
  return basename(name).replace(/\.pkl$/, "");
}

/**
 * Writes {metadata: {query_avg_time}, query_ids, ranks, scores} as the reference does; ranks are queries × depth.
 * @param firstQuery id of the first query
 */
export function writeRanks(file: string, rankings: Rankings, firstQuery = 0): void {
  const { queries, depth, ids, scores, querySeconds } = rankings;
  const pickle = writePickle({
    metadata: { query_avg_time: new PyFloat(querySeconds) },
    query_ids: new NdArray(
      "I64",
      [queries],
      BigInt64Array.from({ length: queries }, (_, q) => BigInt(firstQuery + q)),
    ),
    ranks: new NdArray(
      "I64",
      [queries, depth],
      BigInt64Array.from(ids, (id) => BigInt(id)),
    ),
    scores: new NdArray("F64", [queries, depth], scores),
  });
  writeFileAtomic(file, pickle);
}

/** Plain data for JSON: scores as fractions under the reference's keys, per query too; NaN is null. */
export function resultJson(result: EvalResult): unknown {
  return {
    ...result,
    results: result.results.map(({ score, ...rest }) => ({
      ...rest,
      protocol: score?.protocol ?? null,
      kappas: score?.kappas ?? null,
      scores: score && scoreKeys(score),
    })),
  };
}
