/** @file `metrics.jsonl`: one JSON object a line for whoever wants to plot, watch or compare. */
import { existsSync } from "node:fs";
import { writeFileAtomic } from "../../base/atomic.js";
import { appendText } from "../../base/file-io.js";
import { readRegularText } from "../../base/regular-file.js";

/**
 * "step": means of the epoch so far at each printed iteration; "validation": one data set by one method; "epoch": what an
 * epoch came to. Seconds are wall time.
 */
export type MetricsLine = { readonly epoch: number } & (
  | {
      readonly kind: "step";
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly terms: Readonly<Record<string, number>>;
      readonly imagesPerSecond: number;
    }
  | {
      readonly kind: "validation";
      readonly method: "local" | "global";
      readonly dataset: string;
      readonly scores: unknown;
    }
  | {
      readonly kind: "epoch";
      /** Null of epoch 0, which is only validated. */
      readonly trainLoss: number | null;
      readonly negativeDistance: number | null;
      readonly rate: number;
      readonly best: { readonly by: string; readonly epoch: number; readonly value: number } | null;
      readonly seconds: number;
    }
);

export class MetricsFile {
  constructor(private readonly file: string) {}

  append(line: MetricsLine): void {
    appendText(this.file, `${JSON.stringify(line)}\n`);
  }

  /** Forgets what a killed run wrote after the state from which this one continues. */
  rewind(epoch: number, step: number): void {
    if (!existsSync(this.file)) return;
    const kept = readRegularText(this.file)
      .split("\n")
      .filter((text) => {
        const line = parse(text);
        if (!line) return false;
        return line.epoch < epoch || (line.epoch === epoch && line.kind === "step" && line.step <= step);
      });
    writeFileAtomic(this.file, kept.map((text) => `${text}\n`).join(""));
  }
}

/** The last line of a killed run may be half a line. */
function parse(text: string): MetricsLine | undefined {
  try {
    return JSON.parse(text) as MetricsLine;
  } catch {
    return undefined;
  }
}
