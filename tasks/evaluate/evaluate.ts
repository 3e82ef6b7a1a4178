/** @file One evaluation in the reference's order: global descriptors, then ASMK, data set by data set. */
import { join } from "node:path";
import type { Asmk } from "../../asmk/asmk.js";
import { UsageError } from "../../base/errors.js";
import type { DatasetSpec } from "../../data/datasets/load.js";
import type { Dataset } from "../../data/datasets/types.js";
import { scoreLines } from "../metrics/score-report.js";
import { prepareAsmk } from "./codebook.js";
import { rankGlobal } from "./rank-global.js";
import { rankLocal } from "./rank-local.js";
import type { Rankings } from "./rankings.js";
import { type DatasetResult, datasetLabel, writeRanks } from "./results.js";
import { scoreRankings } from "./score.js";
import { type Session, secondsSince } from "./session.js";

/** Runs everything that the session's parameters ask for; results in that order. */
export async function evaluate(session: Session): Promise<DatasetResult[]> {
  const { global_descriptor, local_descriptor, multistep } = session.params.evaluation;
  if (multistep) {
    throw new UsageError(
      "NotSupported",
      `evaluation.multistep (step ${multistep.step}) is not supported yet; leave it out: a killed run continues by itself`,
    );
  }
  const results: DatasetResult[] = [];
  if (global_descriptor.datasets.length > 0) {
    await titled(session, "global", async () => {
      const datasets = await openAll(session, global_descriptor.datasets);
      for (const dataset of datasets) results.push(await evaluateGlobal(session, dataset));
    });
  }
  if (local_descriptor.datasets.length > 0) {
    await titled(session, "asmk", async () => {
      // A data set that is not there is found out before hours are spent on the codebook.
      const datasets = await openAll(session, local_descriptor.datasets);
      const asmk = await prepareAsmk(session);
      for (const dataset of datasets) results.push(await evaluateLocal(session, dataset, asmk));
    });
  }
  return results;
}

async function titled(session: Session, method: string, run: () => Promise<void>): Promise<void> {
  const begin = performance.now();
  session.log.note(`Starting ${method} evaluation`);
  await run();
  session.log.note(`Finished ${method} evaluation in ${Math.floor(secondsSince(begin) / 60)} min`);
}

async function evaluateGlobal(session: Session, dataset: Dataset): Promise<DatasetResult> {
  announce(session, dataset);
  const rankings = await rankGlobal(session, dataset);
  const score = scoreRankings(dataset, rankings);
  const result = { ...about(dataset), method: "global", score, querySeconds: rankings.querySeconds } as const;
  return report(session, dataset, rankings, result);
}

async function evaluateLocal(session: Session, dataset: Dataset, asmk: Asmk): Promise<DatasetResult> {
  announce(session, dataset);
  const rankings = await rankLocal(session, asmk, dataset);
  const ranksFile = join(session.folder, `${datasetLabel(dataset)}_queries.pkl`);
  writeRanks(ranksFile, rankings);
  const { statistics, querySeconds } = rankings;
  const score = scoreRankings(dataset, rankings);
  const result = { ...about(dataset), method: "asmk", score, querySeconds, statistics, ranksFile } as const;
  return report(session, dataset, rankings, result);
}

function announce(session: Session, dataset: Dataset): void {
  session.log.note(`Evaluating '${datasetLabel(dataset)}'`);
  for (const warning of dataset.warnings) session.log.note(`warning: ${warning}`);
}

async function openAll(session: Session, specs: readonly DatasetSpec[]): Promise<Dataset[]> {
  const datasets: Dataset[] = [];
  for (const spec of specs) {
    const dataset = await session.dataset(spec, true);
    if (dataset.queries.length === 0) {
      throw new UsageError("NoQueries", `${datasetLabel(dataset)}: this data set has no queries to evaluate`);
    }
    datasets.push(dataset);
  }
  return datasets;
}

function about(dataset: Dataset) {
  return {
    dataset: datasetLabel(dataset),
    images: dataset.images.length,
    queryNames: dataset.queries.map((q) => q.name),
    statistics: null,
    ranksFile: null,
  };
}

function report(session: Session, dataset: Dataset, rankings: Rankings, result: DatasetResult): DatasetResult {
  if (result.score) for (const line of scoreLines(result.dataset, result.score)) session.log.note(line);
  session.onRanked?.(dataset, rankings, result);
  return result;
}
