/** @file Training sets by name or by the user's description: photos, their clusters, and query–positive pairs. */
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { checkOptions, oneOf, text } from "../../base/check.js";
import { FileFormatError, MissingDataError, UsageError } from "../../base/errors.js";
import { didYouMean } from "../../base/suggest.js";
import { isFolder, scanFolder } from "./folder.js";
import { getIt } from "./get-it.js";
import { readLabelTable } from "./label-table.js";
import { duplicateWarning } from "./list-file.js";
import { resolveNames } from "./photo-names.js";
import { readSfm, readTrainingSplit } from "./sfm.js";
import type { TrainingSet } from "./types.js";
import { readDescription } from "./values.js";

/** The user's own: a folder with a folder a class, or a CSV file with the columns image, cluster. */
export interface OwnTrainingSet {
  readonly name: string;
  readonly images: string;
}

const someText = z.string().min(1, { error: "expected text that is not empty" });
const ownTrainingSet = z.strictObject({ name: someText, images: someText });

export interface TrainingOptions {
  /** Data root; default the current folder. */
  root?: string;
  /** Which half of a set that has two; default "train". */
  split?: "train" | "val";
  /** Where relative paths of a description count from; default the current folder. */
  base?: string;
}

export const trainingSetNames = ["retrieval-SfM-120k", "gl18"] as const;

/**
 * @param spec a name of {@link trainingSetNames} ("train" means the first) or the user's own description
 * @throws UsageError, MissingDataError, FileFormatError
 */
export function loadTrainingSet(spec: string | OwnTrainingSet, options: TrainingOptions = {}): TrainingSet {
  checkOptions("loadTrainingSet", options, { root: text, split: oneOf("train", "val"), base: text });
  const root = resolve(options.root ?? ".");
  const split = options.split ?? "train";
  if (spec === "train" || spec === "retrieval-SfM-120k") return readSfm(root, split);
  if (spec === "gl18") return readLandmarks(root, split);
  if (typeof spec === "string")
    throw new UsageError(
      "UnknownDataset",
      `data: no training set ${JSON.stringify(spec)}; ${didYouMean(spec, trainingSetNames) || `known are ${trainingSetNames.join(", ")}, or {name, images: FOLDER or CSV}`}`,
    );
  const checked = ownTrainingSet.safeParse(spec);
  if (!checked.success) {
    const [{ path, message }] = checked.error.issues;
    const at = path.length > 0 ? `${path.join(".")}: ` : "";
    throw new UsageError("BadDataset", `data: training set: ${at}${message}; expected {name, images: FOLDER or CSV}`);
  }
  const images = resolve(options.base ?? ".", spec.images);
  return isFolder(images) ? readClassFolders(spec.name, images) : readTable(spec.name, images);
}

/** Google Landmarks 2018 as SOLAR prepares it: db_gl18.pkl, photos `jpg/<id>.jpg` (gl18.md section 4). */
function readLandmarks(root: string, split: "train" | "val"): TrainingSet {
  const folder = join(root, "train/gl18");
  const top = readDescription(join(folder, "db_gl18.pkl"), getIt("gl18", root, "its photos"));
  return readTrainingSplit(top.at(split), "gl18", (cids) => cids.map((cid) => join(folder, "jpg", `${cid}.jpg`)));
}

/** The first folder below is the class; photos directly in the folder belong to none and are an error. */
function readClassFolders(name: string, folder: string): TrainingSet {
  const { names: images, warnings } = scanFolder(folder);
  const loose = images.find((image) => !image.includes("/"));
  if (loose)
    throw new MissingDataError(
      "NoClass",
      `${join(folder, loose)}: expected a folder a class in ${folder}, not loose photos`,
    );
  return fromLabels(
    name,
    images.map((image) => join(folder, image)),
    images.map(classOf),
    [...warnings, ...nestedClasses(images, folder)],
  );
}

const classOf = (image: string) => image.slice(0, image.indexOf("/"));

/** A class may have subfolders; where several hold photos, they may have been meant as classes of their own. */
function nestedClasses(images: readonly string[], folder: string): string[] {
  const parents = new Map<string, Set<string>>();
  for (const image of images) {
    const seen = parents.get(classOf(image)) ?? new Set();
    parents.set(classOf(image), seen.add(dirname(image)));
  }
  const nested = [...parents].filter(([, folders]) => folders.size > 1);
  if (nested.length === 0) return [];
  const [name, folders] = nested[0];
  const which = [...folders].slice(0, 2).join(" and ");
  return [
    `${folder}: ${nested.length} of ${parents.size} classes have photos in several subfolders, which count as one class (the first is ${name}: ${which})`,
  ];
}

/** A CSV file with the columns image, cluster; photos relative to the file's folder. */
function readTable(name: string, file: string): TrainingSet {
  const rows = readLabelTable(file);
  const names = rows.map((row) => row.image);
  const paths = resolveNames(names, [dirname(file)]);
  const first = new Map<string, number>();
  for (const [i, { image, cluster, line }] of rows.entries()) {
    const before = rows[first.get(paths[i]) ?? i];
    if (before.cluster !== cluster) {
      const detail = `line ${line}: ${image} is of cluster ${cluster} here and of ${before.cluster} on line ${before.line}`;
      throw new FileFormatError("MalformedFile", file, detail);
    }
    if (!first.has(paths[i])) first.set(paths[i], i);
  }
  const labels = rows.map((row) => row.cluster);
  return fromLabels(name, paths, labels, duplicateWarning(names, file, paths));
}

/**
 * Clusters in order of appearance; each photo is a query with the next one of its cluster as positive (the last with the
 * first), so every photo is drawn as often as any other. Photos that are alone serve as negatives only.
 */
function fromLabels(name: string, images: string[], labels: string[], warnings: string[]): TrainingSet {
  const members = new Map<string, number[]>();
  labels.forEach((label, i) => {
    const list = members.get(label);
    if (list) list.push(i);
    else members.set(label, [i]);
  });
  const numbers = new Map([...members.keys()].map((label, i) => [label, i]));
  const queries: number[] = [];
  const positives: number[] = [];
  for (const list of members.values())
    if (list.length > 1)
      for (const [k, i] of list.entries()) {
        queries.push(i);
        positives.push(list[(k + 1) % list.length]);
      }
  if (queries.length === 0)
    throw new UsageError(
      "NoPairs",
      `data: ${name}: expected clusters of two photos or more, got ${members.size} of one`,
    );
  if (members.size < 2)
    throw new UsageError("OneCluster", `data: ${name}: expected two clusters or more, all photos are of one`);
  return {
    name,
    images,
    clusters: Int32Array.from(labels, (label) => numbers.get(label) as number),
    queries: Int32Array.from(queries),
    positives: Int32Array.from(positives),
    warnings,
  };
}
