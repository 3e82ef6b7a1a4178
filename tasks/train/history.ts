/** @file What a training has measured so far, and which epoch was its best (spec: fire.md §5.8). */

/** (epoch, value) in the order of the epochs. */
export type Series = readonly (readonly [epoch: number, value: number])[];

export interface History {
  readonly trainLoss: Series;
  /** Mean distance of queries to their negatives when they were mined. */
  readonly negativeDistance: Series;
  readonly seconds: Series;
  /** Medium or only mAP by method and data set, as fractions. */
  readonly local: Readonly<Record<string, Series>>;
  readonly global: Readonly<Record<string, Series>>;
}

export const emptyHistory: History = { trainLoss: [], negativeDistance: [], seconds: [], local: {}, global: {} };

/** Which validation decides: epochs between two runs (null or 0: never) and data sets, the first or val_eccv20 counting. */
export interface ValidationPlan {
  readonly frequency: number | null;
  readonly datasets: readonly string[];
}

export interface Decision {
  /** The series that decides, for messages. */
  readonly by: string;
  readonly epoch: number;
  readonly value: number;
}

/**
 * The best epoch so far: by local mAP where local validation is on and has a value, else by global mAP likewise, else
 * by training loss. Of equal values the earliest counts. So until the first validation the training loss decides.
 */
export function bestEpoch(history: History, local: ValidationPlan, global: ValidationPlan): Decision | null {
  for (const [method, plan] of [
    ["local", local],
    ["global", global],
  ] as const) {
    if (!plan.frequency) continue;
    const name = decisive(plan.datasets);
    const series = name === undefined ? undefined : history[method][name];
    if (series?.length) return { by: `${method} mAP of ${name}`, ...extreme(series, (a, b) => a > b) };
  }
  if (history.trainLoss.length === 0) return null;
  return { by: "training loss", ...extreme(history.trainLoss, (a, b) => a < b) };
}

/** The reference looks at val_eccv20 alone; where it is not validated on, the first data set stands for it. */
function decisive(datasets: readonly string[]): string | undefined {
  return datasets.includes("val_eccv20") ? "val_eccv20" : datasets[0];
}

function extreme(series: Series, better: (a: number, b: number) => boolean): { epoch: number; value: number } {
  const [epoch, value] = series.reduce((best, entry) => (better(entry[1], best[1]) ? entry : best));
  return { epoch, value };
}

/** Is a validation due after this epoch? */
export function isDue({ frequency, datasets }: ValidationPlan, epoch: number): boolean {
  return Boolean(frequency) && datasets.length > 0 && epoch % (frequency as number) === 0;
}
