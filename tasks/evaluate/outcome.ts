/** @file What every kind of evaluation tells about its data sets and their results. */
import { UsageError } from "../../base/errors.js";
import type { DatasetSpec } from "../../data/datasets/load.js";
import type { Dataset } from "../../data/datasets/types.js";
import { scoreLines } from "../metrics/score-report.js";
import { SkipList } from "../skips.js";
import { wholePhotos } from "./photos.js";
import type { Rankings } from "./rankings.js";
import { type DatasetResult, datasetLabel } from "./results.js";
import { type Session, secondsSince } from "./session.js";

/** Runs `run` between the reference's lines `Starting <what>` and `Finished <what> in N min`. */
export async function titled(session: Session, what: string, run: () => Promise<void>): Promise<void> {
  const begin = performance.now();
  session.log.note(`Starting ${what}`);
  await run();
  session.log.note(`Finished ${what} in ${Math.floor(secondsSince(begin) / 60)} min`);
}

/** The line before a data set, and what is odd about it. */
export function announce(session: Session, dataset: Dataset): void {
  session.log.note(`Evaluating '${datasetLabel(dataset)}'`);
  for (const note of dataset.notes ?? []) session.log.note(note);
  for (const warning of dataset.warnings) session.log.warn(warning);
}

/** Opens data sets that are to be queried, and looks at their photos. @throws UsageError for one without queries, and what `session.dataset` throws */
export async function openAll(session: Session, specs: readonly DatasetSpec[]): Promise<Dataset[]> {
  const datasets: Dataset[] = [];
  // Photos that are missing are either an error now, or skipped like others that cannot be used.
  const { skips, progress } = session.store;
  for (const spec of specs) datasets.push(withQueries(await session.dataset(spec, skips?.policy !== "skip")));
  for (const dataset of datasets)
    await (skips ?? new SkipList("stop")).lookAt(
      [...dataset.queries, ...wholePhotos(dataset.images)],
      datasetLabel(dataset),
      progress,
      session.signal,
    );
  return datasets;
}

/** The same data set. @throws UsageError when it has no queries */
export function withQueries(dataset: Dataset): Dataset {
  if (dataset.queries.length > 0) return dataset;
  throw new UsageError("NoQueries", `${datasetLabel(dataset)}: this data set has no queries to evaluate`);
}

/** What a result says of its data set; `statistics` and `ranksFile` are for methods that have them. */
export function about(dataset: Dataset) {
  return {
    dataset: datasetLabel(dataset),
    images: dataset.images.length,
    queryNames: dataset.queries.map((q) => q.name),
    statistics: null,
    ranksFile: null,
  };
}

/** Logs the scores and shows the rankings to whoever asked for them. */
export function report(session: Session, dataset: Dataset, rankings: Rankings, result: DatasetResult): DatasetResult {
  tellSkipped(session, dataset, rankings);
  if (result.score) for (const line of scoreLines(result.dataset, result.score)) session.log.note(line);
  session.onRanked?.(dataset, rankings, result);
  return result;
}

function tellSkipped({ log }: Session, dataset: Dataset, { skippedImages, skippedQueries }: Rankings): void {
  const parts: string[] = [];
  if (skippedImages?.size)
    parts.push(`${skippedImages.size} of ${dataset.images.length} database photos were skipped and rank last`);
  if (skippedQueries?.size)
    parts.push(
      `${skippedQueries.size} of ${dataset.queries.length} queries were skipped and are left out of the means`,
    );
  if (parts.length > 0) log.warn(`${datasetLabel(dataset)}: ${parts.join("; ")}`);
}
