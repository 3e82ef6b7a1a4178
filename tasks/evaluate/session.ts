/** @file What all parts of one evaluation share. */
import type { AsmkBackend } from "../../asmk/backend.js";
import type { DatasetSpec } from "../../data/datasets/load.js";
import type { Dataset } from "../../data/datasets/types.js";
import type { EvalParams } from "../config/eval-schema.js";
import type { EvalLog } from "./eval-log.js";
import type { FeatureStore } from "./feature-cache.js";
import type { Inference, Model } from "./features.js";
import type { Rankings } from "./rankings.js";
import type { DatasetResult } from "./results.js";

/** Is shown every data set that was ranked, while its rankings are still in memory. */
export type OnRanked = (dataset: Dataset, rankings: Rankings, result: DatasetResult) => void;

/** An evaluation under way. */
export interface Session {
  readonly params: EvalParams;
  /** Folder of the experiment: log, parameters, results, `cache/`. */
  readonly folder: string;
  readonly model: Model;
  readonly store: FeatureStore;
  readonly log: EvalLog;
  readonly backend: AsmkBackend;
  /** Reads the description of a data set, and makes sure that its photos are there. @throws MissingDataError, FileFormatError, UsageError */
  readonly dataset: (spec: DatasetSpec, checkFiles: boolean) => Promise<Dataset>;
  readonly onRanked?: OnRanked;
  readonly signal?: AbortSignal;
}

/** `evaluation.inference` in this program's words. */
export function inferenceOf({ evaluation: { inference } }: EvalParams): Inference {
  return { imageSize: inference.image_size, scales: inference.scales, featuresNum: inference.features_num };
}

/** Seconds since `begin` (of performance.now()). */
export function secondsSince(begin: number): number {
  return (performance.now() - begin) / 1000;
}
