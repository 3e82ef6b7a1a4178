/** @file One query: average precision by trapezoids and precision at k, after junk is taken out (evaluation.md §2). */

/** Ids that count for a query. Ids in neither list are negatives. */
export interface Relevance {
  /** Positive ids; a duplicate counts twice among the positives, but is found once. */
  readonly ok: readonly number[];
  /** Ids that are taken out of the ranking. */
  readonly junk?: readonly number[];
}

/** How well one ranking answers its query. */
export interface QueryScore {
  /** NaN when the query has no positives; 0 when none of them was ranked. */
  readonly ap: number;
  /** One value for each κ; NaN and 0 as above. */
  readonly precisionAt: readonly number[];
  /** Number of positives asked for, and of those that were ranked. */
  readonly positives: number;
  readonly found: number;
  /** 1-based rank of the first positive without junk; null when none was ranked. */
  readonly firstHit: number | null;
}

/**
 * Scores one ranking.
 * @param ranking image ids, best first; negative ids (distractors) take places and never match
 * @param kappas ranks at which precision is measured
 */
export function scoreQuery(
  ranking: ArrayLike<number>,
  { ok, junk = [] }: Relevance,
  kappas: readonly number[],
): QueryScore {
  const positives = ok.length;
  const positions = positivesWithoutJunk(ranking, new Set(ok), new Set(junk));
  const found = positions.length;
  const firstHit = found ? positions[0] + 1 : null;
  if (positives === 0) return { ap: Number.NaN, precisionAt: kappas.map(() => Number.NaN), positives, found, firstHit };
  return {
    ap: averagePrecision(positions, positives),
    precisionAt: kappas.map((k) => precisionAt(positions, k)),
    positives,
    found,
    firstHit,
  };
}

/** 0-based places of the positives, each moved up by the junk before it. An id that is both counts as both. */
function positivesWithoutJunk(
  ranking: ArrayLike<number>,
  ok: ReadonlySet<number>,
  junk: ReadonlySet<number>,
): number[] {
  const positions: number[] = [];
  let skipped = 0;
  for (let place = 0; place < ranking.length; place++) {
    if (ok.has(ranking[place])) positions.push(place - skipped);
    if (junk.has(ranking[place])) skipped++;
  }
  return positions;
}

/**
 * Area under the precision-recall steps, by trapezoids.
 * @param positions 0-based ranks of the found positives, ascending
 * @param positives how many there are, found or not
 */
export function averagePrecision(positions: readonly number[], positives: number): number {
  const step = 1 / positives;
  let ap = 0;
  for (let j = 0; j < positions.length; j++) {
    const rank = positions[j];
    const before = rank === 0 ? 1 : j / rank;
    const after = (j + 1) / (rank + 1);
    ap += ((before + after) * step) / 2;
  }
  return ap;
}

/** Positives among the first min(k, rank of the last found positive) places, divided by that number; 0 without any. */
export function precisionAt(positions: readonly number[], k: number): number {
  if (positions.length === 0) return 0;
  const depth = Math.min(positions[positions.length - 1] + 1, k);
  return positions.filter((p) => p + 1 <= depth).length / depth;
}
