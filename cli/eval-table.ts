/** @file Results of an evaluation as text. */

import { timesInWords } from "../tasks/evaluate/query-times.js";
import type { DatasetResult, EvalResult } from "../tasks/evaluate/results.js";
import type { MeanScore } from "../tasks/metrics/mean-average-precision.js";
import { LEVELS } from "../tasks/metrics/protocol.js";
import { formatPercent, formatTable } from "./format.js";

/** mAP and mP@k of every data set, method and level, in percent. */
export function scoreTable({ results }: EvalResult): string {
  const kappas = results.find((r) => r.score)?.score?.kappas ?? [];
  const heading = ["data set", "method", "level", "mAP", ...kappas.map((k) => `mP@${k}`), "queries", "images"];
  const rows = results.flatMap((result) => {
    const { dataset, method, images } = result;
    const levels = levelsOf(result);
    if (levels.length === 0) {
      return [
        [
          dataset,
          method,
          "(no ground truth)",
          ...heading.slice(3, -2).map(() => "–"),
          String(result.queryNames.length),
          String(images),
        ],
      ];
    }
    return levels.map(([level, score]) => [
      dataset,
      method,
      level,
      formatPercent(score.map),
      ...score.meanPrecisionAt.map(formatPercent),
      String(score.queries.length - score.empty.length),
      String(images),
    ]);
  });
  return formatTable([heading, ...rows]);
}

/** A line a data set and method: how long its queries took. */
export function timeLines({ results }: EvalResult): string {
  const lines = results.flatMap(({ dataset, method, queryTimes }) =>
    queryTimes ? [`${dataset} (${method}): ${timesInWords(queryTimes)}`] : [],
  );
  return lines.join("\n");
}

/** Average precision of every query by level, with its first hit at the middle (or only) level. */
export function perQueryTables({ results }: EvalResult): string {
  const tables = results.flatMap((result) => {
    const levels = levelsOf(result);
    if (levels.length === 0) return [];
    const main = (levels[1] ?? levels[0])[1];
    const heading = [
      `${result.dataset} (${result.method})`,
      ...levels.map(([level]) => `AP ${level}`),
      "found",
      "first hit",
    ];
    const rows = result.queryNames.map((name, q) => {
      const { found, positives, firstHit } = main.queries[q];
      const aps = levels.map(([, score]) => formatPercent(score.queries[q].ap));
      return [name, ...aps, `${found}/${positives}`, firstHit === null ? "–" : String(firstHit)];
    });
    return [formatTable([heading, ...rows])];
  });
  return tables.join("\n\n");
}

function levelsOf({ score }: DatasetResult): [string, MeanScore][] {
  if (!score) return [];
  if (score.protocol === "plain") return [["all", score.all]];
  return LEVELS.map((level) => [level, score.levels[level]]);
}
