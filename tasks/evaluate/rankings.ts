/** @file Rankings of all queries of a data set as two matrices. */
import type { Ranking } from "../../asmk/rank.js";
import type { QueryTimes } from "./query-times.js";

/** Row q: the images of query q, best first. */
export interface Rankings {
  readonly queries: number;
  /** Images a query. */
  readonly depth: number;
  /** queries × depth image ids; distractors are negative. */
  readonly ids: Int32Array;
  /** queries × depth, aligned with `ids`. */
  readonly scores: Float64Array;
  /** Mean seconds a search, without its feature extraction and what happens once. */
  readonly querySeconds: number;
  /** Null where rankings of several runs were joined. */
  readonly times: QueryTimes | null;
  /** Queries whose photo was skipped: their rows say nothing. */
  readonly skippedQueries?: ReadonlySet<number>;
  /** Database images that were skipped; they rank last. */
  readonly skippedImages?: ReadonlySet<number>;
}

/** Joins rankings of equal length. */
export function collectRankings(found: readonly Ranking[], times: QueryTimes): Rankings {
  const queries = found.length;
  const depth = found[0]?.ids.length ?? 0;
  const ids = new Int32Array(queries * depth);
  const scores = new Float64Array(queries * depth);
  for (const [q, ranking] of found.entries()) {
    ids.set(ranking.ids, q * depth);
    scores.set(ranking.scores, q * depth);
  }
  return { queries, depth, ids, scores, querySeconds: times.searchWarm, times };
}

/** The ranked ids of query q, a view. */
export function rankedIds({ ids, depth }: Rankings, q: number): Int32Array {
  return ids.subarray(q * depth, (q + 1) * depth);
}
