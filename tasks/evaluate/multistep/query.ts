/**
 * @file Step 4, query_ivf: the rankings of a part of the queries, and of all once every part is there. The reference
 * scores each partition against the whole ground truth and fails; here scores wait for the last one.
 */
import { basename } from "node:path";
import { Asmk } from "../../../asmk/asmk.js";
import { type IndexStatistics, indexStatistics } from "../../../asmk/index-statistics.js";
import type { Dataset } from "../../../data/datasets/types.js";
import type { Ingredients } from "../fingerprint.js";
import { about, report } from "../outcome.js";
import { queryAll } from "../rank-local.js";
import type { Rankings } from "../rankings.js";
import { type DatasetResult, datasetLabel, writeRanks } from "../results.js";
import { scoreRankings } from "../score.js";
import { inferenceOf, type Session } from "../session.js";
import { fullName, openStepIndex } from "./build.js";
import { allOf, type Partition, partitionName, partitionRange, type StepFiles } from "./files.js";
import { joinRankings, readRanks } from "./ranks-file.js";
import { checkRecord, readRecord, writeRecorded } from "./record.js";

/** Which index of which data set is asked, and which part of the queries. */
export interface QueryOptions {
  readonly distractors: string | null;
  readonly partition: Partition | null;
}

/** Writes `<full>.results….pkl`; returns the result of all queries, or null while partitions are missing. */
export async function queryIvf(
  session: Session,
  files: StepFiles,
  trained: Asmk,
  dataset: Dataset,
  { distractors, partition }: QueryOptions,
): Promise<DatasetResult | null> {
  const label = datasetLabel(dataset);
  const full = fullName(label, distractors);
  const [first, end] = partitionRange(dataset.queries.length, partition, `the list of queries of ${label}`);
  const command = `--datasets-local ${label}${distractors ? ` --distractors ${distractors}` : ""}`;
  const asmk = new Asmk(trained.parameters, session.backend);
  asmk.useCodebook(trained.codebook);
  asmk.useIndex(await openStepIndex(session, files, trained, full, command));

  const title = `${label} queries${partition ? ` ${partitionName(partition)}` : ""}`;
  // The files of the steps have no place for a query that was skipped.
  const strict = { ...session, store: { ...session.store, skips: undefined } };
  const rankings = await queryAll(strict, asmk, title, dataset.queries.slice(first, end));
  const file = files.results(full, partition);
  const made = resultRecipe(session, asmk, files.presentIndex(full) as string);
  await writeRecorded(file, made, () => writeRanks(file, rankings, first));
  const all = partition ? await joined(session, files, dataset, full, partition.total, made) : rankings;
  if (!all) return null;
  const statistics = indexStatistics(asmk.index);
  return finished(session, dataset, all, { full, ranksFile: files.results(full, null), statistics });
}

/** Scores the rankings of all queries, and reports them under the name of the index that was asked. */
export function finished(
  session: Session,
  dataset: Dataset,
  rankings: Rankings,
  { full, ranksFile, statistics }: { full: string; ranksFile: string; statistics: IndexStatistics },
): DatasetResult {
  return report(session, dataset, rankings, {
    ...about(dataset),
    method: "asmk",
    dataset: full,
    images: statistics.images,
    score: scoreRankings(dataset, rankings),
    querySeconds: rankings.querySeconds,
    queryTimes: rankings.times,
    statistics,
    ranksFile,
  });
}

/** Joins the results of all partitions into one file; null while some are missing. */
async function joined(
  session: Session,
  files: StepFiles,
  dataset: Dataset,
  full: string,
  total: number,
  made: Ingredients,
): Promise<Rankings | null> {
  const missing = files.missingResults(full, total);
  if (missing.length > 0) {
    const left = missing.map(partitionName).join(", ");
    session.log.note(
      `${full}: ${total - missing.length} of ${total} partitions of the queries are done; left: ${left}`,
    );
    return null;
  }
  const all = allOf(total);
  const from = all.map((partition) => files.results(full, partition));
  for (const file of from) await checkRecord(session, file, made);
  const parts = all.map((partition, i) => {
    const [begin, end] = partitionRange(dataset.queries.length, partition, full);
    return readRanks(from[i], end - begin);
  });
  const rankings = joinRankings(parts, from);
  const file = files.results(full, null);
  await writeRecorded(file, made, () => writeRanks(file, rankings));
  session.log.note(`${basename(file)}: joined from ${total} partitions`);
  return rankings;
}

function resultRecipe(session: Session, { parameters }: Asmk, indexFile: string): Ingredients {
  const { imageSize, scales, featuresNum } = inferenceOf(session.params);
  const { queryAssignment, topk, similarityThreshold, alpha } = parameters;
  return {
    index: readRecord(indexFile),
    "image size": imageSize,
    scales,
    features_num: featuresNum,
    multiple_assignment: queryAssignment,
    topk,
    similarity_threshold: similarityThreshold,
    alpha,
  };
}
