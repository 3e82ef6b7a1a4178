/** @file Scores of a data set's rankings, when somebody has judged it. */
import type { Dataset } from "../../data/datasets/types.js";
import { type DatasetScore, scorePlain, scoreRevisited } from "../metrics/protocol.js";
import { type Rankings, rankedIds } from "./rankings.js";

/**
 * The protocol is that of the ground truth's records (easy, hard, junk or ok, junk), not of the name.
 * Skipped queries are left out of the means; skipped database images count as not found.
 * @returns null without ground truth
 * @throws NumericError when no query has positives
 */
export function scoreRankings(dataset: Dataset, rankings: Rankings): DatasetScore | null {
  if (!dataset.groundTruth) return null;
  const ranked = dataset.groundTruth.map((_, q) => rankedIds(rankings, q));
  const isSkipped = (q: number) => rankings.skippedQueries?.has(q) ?? false;
  // A query without positives is left out of the means.
  if (dataset.protocol === "revisited")
    return scoreRevisited(
      ranked,
      dataset.groundTruth.map((record, q) => (isSkipped(q) ? { easy: [], hard: [], junk: [] } : record)),
    );
  return scorePlain(
    ranked,
    dataset.groundTruth.map((record, q) => (isSkipped(q) ? { ok: [], junk: [] } : record)),
  );
}
