/** @file Validation after an epoch: the evaluation of tasks/evaluate with the weights of the present (spec: fire.md §5.8). */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type DatasetSpec, loadDataset } from "../../data/datasets/load.js";
import type { Trainer } from "../../nets/train/trainer.js";
import type { EvalParams } from "../config/eval-schema.js";
import { labelOf } from "../evaluate/dataset-names.js";
import { evaluate } from "../evaluate/evaluate.js";
import type { DatasetResult } from "../evaluate/results.js";
import { headlineMap } from "../metrics/protocol.js";
import { scoreKeys } from "../metrics/score-report.js";
import { type History, isDue, type Series, type ValidationPlan } from "./history.js";
import { stateHash, type TrainSession } from "./session.js";
import type { TrainSettings } from "./settings.js";

/** Frequencies and data set names of `validation`. */
export function validationPlans({ params: { validation } }: TrainSettings): Record<"local" | "global", ValidationPlan> {
  const plan = (section: { frequency: number | null; datasets: readonly DatasetSpec[] }) => ({
    frequency: section.frequency,
    // As results name them: a set given as a path is known by its file.
    datasets: section.datasets.map(labelOf),
  });
  return { local: plan(validation.local_descriptor), global: plan(validation.global_descriptor) };
}

/** One data set by one method. */
export interface Validation {
  readonly method: "local" | "global";
  readonly dataset: string;
  /** Medium or only mAP, a fraction; null where nobody has judged. */
  readonly map: number | null;
  readonly scores: unknown;
}

/**
 * Runs what is due after the epoch. Images are not mirrored: the reference mirrors them here as well, at random, which
 * makes its validation scores differ from those of a stand-alone evaluation.
 */
export async function validate(session: TrainSession, epoch: number, trainer: Trainer): Promise<Validation[]> {
  const { settings, root, folder, bench, loader, log, skips, signal } = session;
  const plans = validationPlans(settings);
  const due = { local: isDue(plans.local, epoch), global: isDue(plans.global, epoch) };
  if (!due.local && !due.global) return [];
  const sha256 = stateHash(await trainer.stateDict());
  const network = await trainer.network();
  try {
    const results = await evaluate({
      params: evalParams(settings, due),
      folder,
      model: { network, sha256 },
      store: { folder: validationCache(folder), loader, progress: log, skips, signal },
      log,
      backend: bench.backend,
      dataset: (spec, checkFiles) => loadDataset(spec, { root, checkFiles }),
      signal,
    });
    return results.map(asValidation);
  } finally {
    network.destroy();
  }
}

/** Features of one epoch's weights are of no use to the next. */
export function dropValidationCache({ folder }: Pick<TrainSession, "folder">): void {
  rmSync(validationCache(folder), { recursive: true, force: true });
}

function validationCache(folder: string): string {
  return join(folder, "cache", "validation");
}

/** History with the epoch's scores added. */
export function withValidations(history: History, epoch: number, found: readonly Validation[]): History {
  const series = { local: { ...history.local }, global: { ...history.global } };
  for (const { method, dataset, map } of found) {
    if (map === null || Number.isNaN(map)) continue;
    const before: Series = series[method][dataset] ?? [];
    series[method][dataset] = [...before, [epoch, map]];
  }
  return { ...history, ...series };
}

function asValidation({ method, dataset, score }: DatasetResult): Validation {
  return {
    method: method === "asmk" ? "local" : "global",
    dataset,
    map: score && headlineMap(score),
    scores: score && scoreKeys(score),
  };
}

/** `validation` and `model.runtime` as an evaluation file would say it. */
function evalParams({ params, runtime }: TrainSettings, due: Record<"local" | "global", boolean>): EvalParams {
  const { local_descriptor: local, global_descriptor: global } = params.validation;
  const { image_size, scales, features_num } = runtime;
  return {
    demo_eval: { ...params.demo_train, net_path: "" },
    evaluation: {
      inference: { image_size, scales, features_num },
      global_descriptor: { datasets: due.global ? global.datasets : [] },
      local_descriptor: {
        datasets: due.local ? local.datasets : [],
        codebook_training: local.codebook_training,
        codebook: null,
        asmk: local.asmk,
      },
      multistep: null,
    },
  };
}
