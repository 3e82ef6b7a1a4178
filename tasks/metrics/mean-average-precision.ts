/** @file All queries of a data set: mAP and mP@k (evaluation.md §3). */
import { NumericError, UsageError } from "../../base/errors.js";
import { type QueryScore, type Relevance, scoreQuery } from "./average-precision.js";

/** Means over the queries that have positives. */
export interface MeanScore {
  /** NaN when no query has positives. */
  readonly map: number;
  /** One value for each κ. */
  readonly meanPrecisionAt: readonly number[];
  /** One a query, in the order of the ground truth. */
  readonly queries: readonly QueryScore[];
  /** Queries without positives, which are left out. */
  readonly empty: readonly number[];
  /** Queries of which no positive was ranked: AP 0. The reference raises an error here. */
  readonly nothingFound: readonly number[];
}

/** The κ of published tables. */
export const KAPPAS: readonly number[] = [1, 5, 10];

/**
 * Scores the rankings of a data set.
 * @param rankings one for each query, best first
 * @param truth one record for each query, in the same order
 * @throws UsageError when their numbers differ, NumericError when no query has positives
 */
export function meanAveragePrecision(
  rankings: readonly ArrayLike<number>[],
  truth: readonly Relevance[],
  kappas: readonly number[] = KAPPAS,
): MeanScore {
  const score = meanOverQueries(rankings, truth, kappas);
  if (score.empty.length === truth.length) throw noPositives(truth.length);
  return score;
}

/** The same, but NaN means when no query has positives: one level of a protocol may be empty while others are not. */
export function meanOverQueries(
  rankings: readonly ArrayLike<number>[],
  truth: readonly Relevance[],
  kappas: readonly number[],
): MeanScore {
  if (rankings.length !== truth.length)
    throw new UsageError(
      "RankingsMismatch",
      `metrics: expected one ranking for each of the ${truth.length} queries of the ground truth, got ${rankings.length}`,
    );
  const queries = truth.map((record, i) => scoreQuery(rankings[i], record, kappas));
  const indicesOf = (test: (q: QueryScore) => boolean) => queries.flatMap((q, i) => (test(q) ? [i] : []));
  const empty = indicesOf((q) => q.positives === 0);
  const counted = queries.filter((q) => q.positives > 0);
  const mean = (value: (q: QueryScore) => number) => counted.reduce((sum, q) => sum + value(q), 0) / counted.length;
  return {
    map: mean((q) => q.ap),
    meanPrecisionAt: kappas.map((_, i) => mean((q) => q.precisionAt[i])),
    queries,
    empty,
    nothingFound: indicesOf((q) => q.positives > 0 && q.found === 0),
  };
}

/** The error of a data set in which no query has a positive. */
export function noPositives(queries: number): NumericError {
  return new NumericError(
    "NoPositives",
    `metrics: none of the ${queries} queries has a positive image, so there is no mean; is this the right ground truth?`,
  );
}
