/** @file What a page of rankings shows, taken from an evaluation while it runs: a few lines a query, never whole rankings. */
import type { Dataset } from "../../data/datasets/types.js";
import type { Box } from "../../data/resize.js";
import type { Rankings } from "../evaluate/rankings.js";
import type { DatasetResult } from "../evaluate/results.js";
import { LEVELS } from "../metrics/protocol.js";

/** How a database image was judged for a query; images that nobody judged are negatives. */
export type Verdict = "easy" | "hard" | "positive" | "junk" | "negative" | "unjudged";

/** One place of a ranking. */
export interface Hit {
  readonly path: string;
  readonly name: string;
  readonly score: number;
  readonly verdict: Verdict;
}

/** One query with its best places. */
export interface QueryReport {
  readonly name: string;
  readonly path: string;
  /** The part that was asked for, in pixels of the photo; null: all of it. */
  readonly box: Box | null;
  /** By level; without ground truth none. AP is NaN where the query has no positives. */
  readonly scores: readonly { readonly level: string; readonly ap: number; readonly positives: number }[];
  readonly hits: readonly Hit[];
}

/** One data set by one method. */
export interface Section {
  readonly result: DatasetResult;
  readonly queries: readonly QueryReport[];
}

/** How much of an evaluation is shown. */
export interface ReportLimits {
  /** Places a query. */
  readonly top: number;
  /** Queries a data set. */
  readonly queries: number;
}

/** Takes the first places of the first queries of a data set. */
export function collectSection(
  dataset: Dataset,
  { ids, scores, depth }: Rankings,
  result: DatasetResult,
  limits: ReportLimits,
): Section {
  const verdictOf = judge(dataset);
  const queries = dataset.queries.slice(0, limits.queries).map((query, q): QueryReport => {
    const hits: Hit[] = [];
    for (let place = 0; place < Math.min(limits.top, depth); place++) {
      const id = ids[q * depth + place];
      // distractors have negative ids and no photo in the data set
      if (id < 0) continue;
      const score = scores[q * depth + place];
      hits.push({ path: dataset.images[id], name: dataset.imageNames[id], score, verdict: verdictOf(q, id) });
    }
    const { name, path, box } = query;
    return { name, path, box, scores: scoresOf(result, q), hits };
  });
  return { result, queries };
}

function judge(dataset: Dataset): (query: number, id: number) => Verdict {
  const { groundTruth } = dataset;
  if (!groundTruth) return () => "unjudged";
  const maps = groundTruth.map((record) => {
    const verdicts = new Map<number, Verdict>();
    const positives: [Verdict, readonly number[]][] =
      "ok" in record
        ? [["positive", record.ok]]
        : [
            ["easy", record.easy],
            ["hard", record.hard],
          ];
    for (const [verdict, ids] of [["junk", record.junk] as [Verdict, readonly number[]], ...positives])
      for (const id of ids) verdicts.set(id, verdict);
    return verdicts;
  });
  return (query, id) => maps[query].get(id) ?? "negative";
}

function scoresOf({ score }: DatasetResult, q: number): QueryReport["scores"] {
  if (!score) return [];
  const of = (level: string, { ap, positives }: { ap: number; positives: number }) => ({ level, ap, positives });
  if (score.protocol === "plain") return [of("all", score.all.queries[q])];
  return LEVELS.map((level) => of(level, score.levels[level].queries[q]));
}
