/** @file Scores as the reference writes them: result keys (evaluation.md §4) and log lines (how.md §4.5). */
import type { MeanScore } from "./mean-average-precision.js";
import { type DatasetScore, LEVELS } from "./protocol.js";

/** map, mp@k, ap and p@k; with the suffixes _easy, _medium, _hard for the revisited protocol. Fractions, unrounded. */
export function scoreKeys(score: DatasetScore): Record<string, number | number[] | number[][]> {
  const keysOf = (m: MeanScore, suffix: string): [string, number | number[] | number[][]][] => [
    [`map${suffix}`, m.map],
    [`mp@k${suffix}`, [...m.meanPrecisionAt]],
    [`ap${suffix}`, m.queries.map((q) => q.ap)],
    [`p@k${suffix}`, m.queries.map((q) => [...q.precisionAt])],
  ];
  return Object.fromEntries(
    score.protocol === "plain"
      ? keysOf(score.all, "")
      : LEVELS.flatMap((level) => keysOf(score.levels[level], `_${level}`)),
  );
}

/** One or two lines: `Evaluated roxford5k: mAP E: 85.1, M: 82.6, H: 62.2` and the same for mP@k. */
export function scoreLines(dataset: string, score: DatasetScore): string[] {
  if (score.protocol === "plain")
    return [`Evaluated ${dataset}: mAP ${percent(score.all.map)}, mP@k ${percentages(score.all.meanPrecisionAt)}`];
  const { easy, medium, hard } = score.levels;
  const line = (value: (m: MeanScore) => string) => `E: ${value(easy)}, M: ${value(medium)}, H: ${value(hard)}`;
  return [
    `Evaluated ${dataset}: mAP ${line((m) => percent(m.map))}`,
    `Evaluated ${dataset}: mP@k(${score.kappas.join(", ")}) ${line((m) => percentages(m.meanPrecisionAt))}`,
  ];
}

/** ×100, two decimals, ties to even as numpy rounds; at least one decimal is shown, as Python prints floats. */
function percent(fraction: number): string {
  const text = String(roundToEven(fraction * 100));
  return text === "NaN" ? "nan" : text.includes(".") ? text : `${text}.0`;
}

/** The same for a list, in numpy's form: columns padded so that the points align. */
function percentages(fractions: readonly number[]): string {
  const parts = fractions.map((f) => {
    const text = String(roundToEven(f * 100));
    const [whole, decimals = ""] = text === "NaN" ? ["nan"] : text.split(".");
    return { whole, tail: text === "NaN" ? "" : `.${decimals}` };
  });
  const left = Math.max(...parts.map((p) => p.whole.length));
  const right = Math.max(...parts.map((p) => p.tail.length));
  return `[${parts.map((p) => p.whole.padStart(left) + p.tail.padEnd(right)).join(" ")}]`;
}

function roundToEven(value: number): number {
  const scaled = value * 100;
  const below = Math.floor(scaled);
  const half = scaled - below === 0.5;
  return (half ? below + (below % 2) : Math.round(scaled)) / 100;
}
