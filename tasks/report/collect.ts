/** @file What is shown of rankings, taken from an evaluation while it runs: the best places of each query, never whole rankings. */
import type { Dataset } from "../../data/datasets/types.js";
import type { Box } from "../../data/resize.js";
import type { Rankings } from "../evaluate/rankings.js";
import type { DatasetResult } from "../evaluate/results.js";
import { LEVELS } from "../metrics/protocol.js";

/** How a database image was judged for a query; images that nobody judged are negatives, and so are distractors. */
export type Verdict = "easy" | "hard" | "positive" | "junk" | "negative" | "distractor" | "unjudged";

/** One place of a ranking. */
export interface Hit {
  /** From 1. */
  readonly place: number;
  /** Index in the database; of distractors negative. */
  readonly id: number;
  /** Null for a distractor, which is of another data set. */
  readonly path: string | null;
  readonly name: string | null;
  readonly score: number;
  readonly verdict: Verdict;
}

/** One query with its best places. */
export interface QueryReport {
  /** Index in the data set's list. */
  readonly index: number;
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
  /** The worst first; without ground truth as the data set lists them. */
  readonly queries: readonly QueryReport[];
}

/** How much of an evaluation is shown. */
export interface ReportLimits {
  /** Places a query. */
  readonly top: number;
  /** Queries a data set: the worst ones. */
  readonly queries: number;
}

/** Takes the first places of the worst queries of a data set. */
export function collectSection(
  dataset: Dataset,
  { ids, scores, depth }: Rankings,
  result: DatasetResult,
  { top, queries: limit }: ReportLimits,
): Section {
  const verdictOf = judge(dataset);
  const scored = dataset.queries.map((_, q) => scoresOf(result, q));
  const queries = worstFirst(scored)
    .slice(0, limit)
    .map((q): QueryReport => {
      const { name, path, box } = dataset.queries[q];
      const hits = Array.from({ length: Math.min(top, depth) }, (_, i): Hit => {
        const id = ids[q * depth + i];
        const at = { place: i + 1, id, score: scores[q * depth + i] };
        if (id < 0) return { ...at, path: null, name: null, verdict: "distractor" };
        return { ...at, path: dataset.images[id], name: dataset.imageNames[id], verdict: verdictOf(q, id) };
      });
      return { index: q, name, path, box, scores: scored[q], hits };
    });
  return { result, queries };
}

/** Queries by rising average precision of the middle (or only) level, those without positives last; else as they are listed. */
function worstFirst(scored: readonly QueryReport["scores"][]): number[] {
  const rank = (q: number) => {
    const ap = (scored[q][1] ?? scored[q][0])?.ap ?? Number.NaN;
    return Number.isNaN(ap) ? 2 : ap;
  };
  return [...scored.keys()].sort((a, b) => rank(a) - rank(b));
}

/** A section as plain data for JSON, its queries as the data set lists them; AP is null where there are no positives. */
export function rankingsJson({ queries }: Section): unknown {
  const listed = [...queries].sort((a, b) => a.index - b.index);
  return listed.map(({ name, path, box, scores, hits }) => ({
    query: name,
    path,
    box,
    ap: Object.fromEntries(scores.map(({ level, ap }) => [level, Number.isNaN(ap) ? null : ap])),
    positives: Object.fromEntries(scores.map(({ level, positives }) => [level, positives])),
    top: hits.map(({ name: image, verdict: label, ...hit }) => ({ ...hit, image, label })),
  }));
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
