/** @file Which images are positives and which are ignored: the revisited protocol and the plain one (evaluation.md §1). */
import { UsageError } from "../../base/errors.js";
import type { Relevance } from "./average-precision.js";
import {
  KAPPAS,
  type MeanScore,
  meanAveragePrecision,
  meanOverQueries,
  noPositives,
} from "./mean-average-precision.js";

/** A query of Revisited Oxford or Paris. */
export interface RevisitedRecord {
  readonly easy: readonly number[];
  readonly hard: readonly number[];
  readonly junk: readonly number[];
}

/** The three levels of difficulty. */
export const LEVELS = ["easy", "medium", "hard"] as const;
export type Level = (typeof LEVELS)[number];

/** Scores of a data set: three levels, or one. `kappas` belong to every `meanPrecisionAt`. */
export type DatasetScore =
  | { readonly protocol: "revisited"; readonly kappas: readonly number[]; readonly levels: Record<Level, MeanScore> }
  | { readonly protocol: "plain"; readonly kappas: readonly number[]; readonly all: MeanScore };

/** True for the data sets that use the three levels: those whose name starts with roxford5k or rparis6k. */
export function isRevisited(dataset: string): boolean {
  return dataset.startsWith("roxford5k") || dataset.startsWith("rparis6k");
}

/** Positives and junk of a level. Easy images are junk at level hard and hard ones at level easy, never negatives. */
export function relevanceAt(level: Level, { easy, hard, junk }: RevisitedRecord): Relevance {
  if (level === "easy") return { ok: easy, junk: [...junk, ...hard] };
  if (level === "hard") return { ok: hard, junk: [...junk, ...easy] };
  return { ok: [...easy, ...hard], junk };
}

/**
 * Scores the rankings of a data set by the protocol that belongs to its name.
 * @param rankings one a query, best first, and complete: positives that are missing count as not found
 * @throws UsageError when numbers of queries differ or records are of the other protocol, NumericError without positives
 */
export function scoreDataset(
  dataset: string,
  rankings: readonly ArrayLike<number>[],
  truth: readonly (Relevance | RevisitedRecord)[],
  kappas: readonly number[] = KAPPAS,
): DatasetScore {
  if (!isRevisited(dataset)) {
    const records = truth.map((record, i) => expectForm("ok" in record, record as Relevance, i, dataset, "ok"));
    return scorePlain(rankings, records, kappas);
  }
  const records = truth.map((record, i) =>
    expectForm("easy" in record && "hard" in record, record as RevisitedRecord, i, dataset, "easy, hard, junk"),
  );
  return scoreRevisited(rankings, records, kappas);
}

/** The plain protocol, whatever the data set is called. @throws as scoreDataset */
export function scorePlain(
  rankings: readonly ArrayLike<number>[],
  records: readonly Relevance[],
  kappas: readonly number[] = KAPPAS,
): DatasetScore {
  return { protocol: "plain", kappas, all: meanAveragePrecision(rankings, records, kappas) };
}

/** The three levels, whatever the data set is called. @throws as scoreDataset */
export function scoreRevisited(
  rankings: readonly ArrayLike<number>[],
  records: readonly RevisitedRecord[],
  kappas: readonly number[] = KAPPAS,
): DatasetScore {
  const at = (level: Level) =>
    meanOverQueries(
      rankings,
      records.map((record) => relevanceAt(level, record)),
      kappas,
    );
  const levels = { easy: at("easy"), medium: at("medium"), hard: at("hard") };
  if (levels.medium.empty.length === records.length) throw noPositives(records.length);
  return { protocol: "revisited", kappas, levels };
}

/** The one number that picks the best epoch: mAP medium, or the only mAP. */
export function headlineMap(score: DatasetScore): number {
  return score.protocol === "revisited" ? score.levels.medium.map : score.all.map;
}

function expectForm<T>(good: boolean, record: T, i: number, dataset: string, keys: string): T {
  if (!good)
    throw new UsageError("GroundTruthForm", `metrics: query ${i} of ${dataset} — expected a record with ${keys}`);
  return record;
}
