/** @file Any data set, by name, by path or by description, checked before it is used. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { checkOptions, flag, text } from "../../base/check.js";
import { MissingDataError, UsageError } from "../../base/errors.js";
import { systemPath } from "../../base/path-bytes.js";
import { didYouMean } from "../../base/suggest.js";
import { benchmarkNames, readBenchmark, readDistractors } from "./benchmarks.js";
import { getIt } from "./get-it.js";
import { readListMapping, readOwn, readPathPickle } from "./own.js";
import { trainDataset, valDataset } from "./sfm.js";
import { checkSpec, type DatasetSpec } from "./spec.js";
import type { Dataset } from "./types.js";

export type { DatasetSpec } from "./spec.js";

/** Sets that are known by name. */
export const datasetNames: readonly string[] = [...benchmarkNames, "train", "val_eccv20", "revisitop1m"];

export interface LoadDatasetOptions {
  /** Data root: holds train/, test/, … Default: the current folder. */
  root?: string;
  /** Where relative paths of a description count from: the configuration's folder. Default: the current folder. */
  base?: string;
  /** Make sure that every photo is there (default true); of more than 100,000, every n-th. */
  checkFiles?: boolean;
}

/**
 * Reads and validates a data set: counts, index ranges, boxes, duplicates, existence of the photos.
 * @throws UsageError (unknown name), MissingDataError (says what is missing, where it is expected and how to get it),
 *   FileFormatError (says which entry of which file is wrong).
 */
export async function loadDataset(spec: DatasetSpec, options: LoadDatasetOptions = {}): Promise<Dataset> {
  checkOptions("loadDataset", options, { root: text, base: text, checkFiles: flag });
  const dataset = describe(checkSpec(spec), options);
  if (options.checkFiles ?? true) await checkFiles(dataset, howToGet(spec, options.root ?? "."));
  return dataset;
}

/** For the end of a message about missing photos: the command that fetches a set of {@link datasetNames}; of others nothing. */
export function howToGet(spec: DatasetSpec, root: string): string {
  return typeof spec === "string" && datasetNames.includes(spec) ? getIt(spec, root, "them") : "";
}

function describe(spec: DatasetSpec, options: LoadDatasetOptions): Dataset {
  const root = resolve(options.root ?? ".");
  const base = resolve(options.base ?? ".");
  if (typeof spec !== "string") return "image_root" in spec ? readListMapping(spec, root) : readOwn(spec, base);
  if (benchmarkNames.includes(spec)) return readBenchmark(root, spec);
  if (spec === "train") return trainDataset(root);
  if (spec === "val_eccv20") return valDataset(root);
  if (spec === "revisitop1m") return readDistractors(root);
  if (spec.includes("/")) return readPathPickle(resolve(base, spec));
  throw new UsageError("UnknownDataset", `data: no data set ${JSON.stringify(spec)}; ${datasetHint(spec)}`);
}

/** What a name that no data set has may have meant, else all there are; null for a name that is one, or a path. */
export function datasetHint(name: string): string | null {
  if (name.includes("/") || datasetNames.includes(name)) return null;
  return (
    didYouMean(name, datasetNames) ||
    `known are ${datasetNames.join(", ")}, a path with a "/" of a pickle, or a description`
  );
}

const CHECK_ALL_UP_TO = 100_000;

/** @throws MissingDataError with the number of missing photos, the first of them, and how to get them. */
async function checkFiles(dataset: Dataset, hint: string): Promise<void> {
  const paths = [...dataset.queries.map((q) => q.path), ...dataset.images];
  const step = Math.ceil(paths.length / CHECK_ALL_UP_TO);
  const looked = step === 1 ? paths : paths.filter((_, i) => i % step === 0);
  const missing: string[] = [];
  for (let begin = 0; begin < looked.length; begin += 256) {
    const block = looked.slice(begin, begin + 256);
    const there = await Promise.all(block.map(isFile));
    missing.push(...block.filter((_, i) => !there[i]));
  }
  if (missing.length === 0) return;
  throw new MissingDataError(
    "ImagesMissing",
    `${dataset.name}: ${missing.length} of ${looked.length} photos are missing, the first is expected at ${missing[0]}${hint}`,
  );
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(systemPath(path))).isFile();
  } catch {
    return false;
  }
}
