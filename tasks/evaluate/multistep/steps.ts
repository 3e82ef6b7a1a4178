/**
 * @file The evaluation in steps of how.md §4.4, for databases that are too large for one run or one machine. Each step
 * leaves its file in `<experiment>/eval/`, where the next one finds it.
 */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { Asmk } from "../../../asmk/asmk.js";
import { writeCodebook } from "../../../asmk/codebook-file.js";
import { asmkParameters } from "../../../asmk/parameters.js";
import { MissingDataError, UsageError } from "../../../base/errors.js";
import type { DatasetSpec } from "../../../data/datasets/load.js";
import type { EvalParams } from "../../config/eval-schema.js";
import { prepareAsmk, readFitting } from "../codebook.js";
import { labelOf } from "../dataset-names.js";
import { announce, titled, withQueries } from "../outcome.js";
import { rankLocal } from "../rank-local.js";
import { type DatasetResult, datasetLabel, writeRanks } from "../results.js";
import type { Session } from "../session.js";
import { aggregateDatabase } from "./aggregate.js";
import { buildIvf, fullName, openStepIndex } from "./build.js";
import { type Partition, partitionName, StepFiles } from "./files.js";
import { finished, queryIvf } from "./query.js";
import { checkRecord, writeRecorded } from "./record.js";

type Multistep = NonNullable<EvalParams["evaluation"]["multistep"]>;

/** What all data sets of a step share. */
interface Step {
  readonly session: Session;
  readonly files: StepFiles;
  readonly asmk: Asmk;
  readonly partition: Partition | null;
  readonly distractors: string | null;
}

/** What is done with each data set; a result where all queries of one were answered. */
const PER_DATASET: Record<
  Exclude<Multistep["step"], "train_codebook">,
  (step: Step, spec: DatasetSpec) => Promise<DatasetResult | null>
> = {
  async aggregate_database({ session, files, asmk, partition }, spec) {
    const dataset = await session.dataset(spec, false);
    await aggregateDatabase(session, files, asmk, dataset, partition);
    return null;
  },
  async build_ivf({ session, files, asmk, distractors }, spec) {
    await buildIvf(session, files, asmk, labelOf(spec), distractors);
    return null;
  },
  async query_ivf({ session, files, asmk, partition, distractors }, spec) {
    const dataset = withQueries(await session.dataset(spec, false));
    return queryIvf(session, files, asmk, dataset, { partition, distractors });
  },
  aggregate_build_query: aggregateBuildQuery,
};

/**
 * Runs one step for every local data set.
 * @throws UsageError, MissingDataError, FileFormatError: see the steps
 */
export async function evaluateStep(session: Session, multistep: Multistep): Promise<DatasetResult[]> {
  const { step, partition: pair } = multistep;
  const partition = pair && { total: pair[0], index: pair[1] };
  const distractors = multistep.distractors && labelOf(multistep.distractors);
  const { datasets } = session.params.evaluation.local_descriptor;
  checkAsked(multistep, datasets);
  const files = new StepFiles(session.folder);
  const results: DatasetResult[] = [];
  await titled(session, `asmk evaluation step '${step}'`, async () => {
    if (partition) session.log.note(`Processing partition '${partitionName(partition)}'`);
    if (step === "train_codebook") {
      await trainCodebook(session, files);
      return;
    }
    const asmk = await stepAsmk(session, files);
    for (const spec of datasets) {
      const name = step === "aggregate_database" ? labelOf(spec) : fullName(labelOf(spec), distractors);
      session.log.note(`Processing dataset '${name}'`);
      const result = await PER_DATASET[step]({ session, files, asmk, partition, distractors }, spec);
      if (result) results.push(result);
    }
  });
  return results;
}

function checkAsked({ step, partition, distractors }: Multistep, datasets: readonly DatasetSpec[]): void {
  if (partition && step !== "aggregate_database" && step !== "query_ivf") {
    throw new UsageError(
      "PartitionedStep",
      `--partition: step ${step} works on everything at once; partitions are for aggregate_database and query_ivf`,
    );
  }
  if (step === "train_codebook") return;
  if (datasets.length === 0) {
    throw new UsageError("NoDatasets", `--step ${step}: evaluation.local_descriptor.datasets is empty`);
  }
  const labels = datasets.map(labelOf);
  if (distractors && step !== "aggregate_database" && labels.includes(labelOf(distractors))) {
    throw new UsageError("OwnDistractors", `--distractors ${distractors}: a data set cannot be its own distractors`);
  }
}

/** Step 1: the codebook as for any evaluation, kept as `codebook.pkl`; one that is there stays. */
async function trainCodebook(session: Session, files: StepFiles): Promise<void> {
  const { log, model } = session;
  const made = { model: model.sha256 };
  if (existsSync(files.codebook)) {
    await checkRecord(session, files.codebook, made);
    const asmk = useCodebook(session, files.codebook);
    log.note(`${basename(files.codebook)} is there already (${asmk.codebook.words} words); nothing to do`);
    return;
  }
  const asmk = await prepareAsmk(session);
  await writeRecorded(files.codebook, made, () => writeCodebook(files.codebook, asmk.codebook));
}

/** The codebook of step 1, or the one that the configuration names. */
async function stepAsmk(session: Session, files: StepFiles): Promise<Asmk> {
  if (session.params.evaluation.local_descriptor.codebook) return prepareAsmk(session);
  if (!existsSync(files.codebook)) {
    throw new MissingDataError(
      "NoCodebook",
      `${files.codebook}: there is no codebook yet; run --step train_codebook first, or give one with --codebook FILE`,
    );
  }
  await checkRecord(session, files.codebook, { model: session.model.sha256 });
  return useCodebook(session, files.codebook);
}

function useCodebook(session: Session, file: string): Asmk {
  const asmk = new Asmk(asmkParameters(session.params.evaluation.local_descriptor.asmk), session.backend);
  asmk.useCodebook(readFitting(session, file));
  return asmk;
}

/**
 * Step 5: steps 2 to 4 in memory. With distractors the results are named after them, where the reference would overwrite
 * those without. Without ground truth, results that are there are left.
 */
async function aggregateBuildQuery(step: Step, spec: DatasetSpec): Promise<DatasetResult | null> {
  const { session, files, asmk, distractors } = step;
  const dataset = withQueries(await session.dataset(spec, true));
  const full = fullName(datasetLabel(dataset), distractors);
  const ranksFile = join(session.folder, `${full}_queries.pkl`);
  if (!dataset.groundTruth && existsSync(ranksFile)) {
    session.log.note(
      `${basename(ranksFile)} is there already, and there is no ground truth to score it; nothing to do`,
    );
    return null;
  }
  announce(session, dataset);
  const command = `--datasets-local ${distractors}`;
  const before = distractors ? await openStepIndex(session, files, asmk, distractors, command) : undefined;
  const ranking = await rankLocal(session, asmk, dataset, before);
  writeRanks(ranksFile, ranking);
  return finished(session, dataset, ranking, { full, ranksFile, statistics: ranking.statistics });
}
