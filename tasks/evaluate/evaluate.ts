/** @file One evaluation in the reference's order: global descriptors, then ASMK, data set by data set. */
import { join } from "node:path";
import type { Asmk } from "../../asmk/asmk.js";
import type { DatasetSpec } from "../../data/datasets/load.js";
import type { Dataset } from "../../data/datasets/types.js";
import { prepareAsmk } from "./codebook.js";
import { claimNames } from "./dataset-names.js";
import { evaluateStep } from "./multistep/steps.js";
import { about, announce, openAll, report, titled } from "./outcome.js";
import { rankGlobal } from "./rank-global.js";
import { rankLocal } from "./rank-local.js";
import { type DatasetResult, datasetLabel, writeRanks } from "./results.js";
import { scoreRankings } from "./score.js";
import type { Session } from "./session.js";

/** Runs everything that the session's parameters ask for; results in that order. */
export async function evaluate(session: Session): Promise<DatasetResult[]> {
  const { global_descriptor, local_descriptor, multistep } = session.params.evaluation;
  claimNames(session, [global_descriptor.datasets, local_descriptor.datasets]);
  const results: DatasetResult[] = [];
  if (global_descriptor.datasets.length > 0) {
    const local = multistep ? [] : local_descriptor.datasets.map((spec) => JSON.stringify(spec));
    await titled(session, "global evaluation", async () => {
      const specs = global_descriptor.datasets;
      const datasets = await openAll(session, specs);
      for (const [i, dataset] of datasets.entries()) {
        results.push(await evaluateGlobal(session, dataset, local.includes(JSON.stringify(specs[i]))));
      }
    });
  }
  if (multistep) results.push(...(await evaluateStep(session, multistep)));
  else if (local_descriptor.datasets.length > 0) {
    await titled(session, "asmk evaluation", async () => {
      results.push(...(await evaluateAsmk(session, local_descriptor.datasets)));
    });
  }
  return results;
}

async function evaluateGlobal(session: Session, dataset: Dataset, localToo: boolean): Promise<DatasetResult> {
  announce(session, dataset);
  const rankings = await rankGlobal(session, dataset, localToo);
  const { querySeconds, times: queryTimes } = rankings;
  const score = scoreRankings(dataset, rankings);
  const result = { ...about(dataset), method: "global", score, querySeconds, queryTimes } as const;
  return report(session, dataset, rankings, result);
}

async function evaluateAsmk(session: Session, specs: readonly DatasetSpec[]): Promise<DatasetResult[]> {
  // A data set that is not there is found out before hours are spent on the codebook.
  const datasets = await openAll(session, specs);
  const asmk = await prepareAsmk(session);
  const results: DatasetResult[] = [];
  for (const dataset of datasets) results.push(await evaluateLocal(session, dataset, asmk));
  return results;
}

async function evaluateLocal(session: Session, dataset: Dataset, asmk: Asmk): Promise<DatasetResult> {
  announce(session, dataset);
  const rankings = await rankLocal(session, asmk, dataset);
  const ranksFile = join(session.folder, `${datasetLabel(dataset)}_queries.pkl`);
  const { statistics, querySeconds, times: queryTimes } = rankings;
  const score = scoreRankings(dataset, rankings);
  const ranked = { score, querySeconds, queryTimes, statistics, ranksFile };
  const result = { ...about(dataset), method: "asmk", ...ranked } as const;
  // Told first: what was found is not lost on a disk that is full.
  report(session, dataset, rankings, result);
  writeRanks(ranksFile, rankings);
  return result;
}
