/** @file retrieval-SfM-120k: the training set, its validation split, and the harder validation set of ECCV 2020. */
import { join } from "node:path";
import { getIt } from "./get-it.js";
import { readBoxes, readJudgements } from "./ground-truth.js";
import { duplicateWarning } from "./list-file.js";
import { judgementWarnings, selfMatchWarning } from "./oddities.js";
import type { Dataset, TrainingSet } from "./types.js";
import { Field, readDescription } from "./values.js";

/** Below the data root. */
export const sfmFolder = "train/retrieval-SfM-120k";

/**
 * Path of an image below `ims/`'s parent: the folder names are the last characters of its id, two by two from the end,
 * and there is no extension: `ims/0e/08/dc/29fdc243aeb939388cfdf2d081dc080e`.
 */
export function cidPath(cid: string): string {
  return `ims/${cid.slice(-2)}/${cid.slice(-4, -2)}/${cid.slice(-6, -4)}/${cid}`;
}

function cidPaths(cids: readonly string[], folder: string): string[] {
  return cids.map((cid) => join(folder, cidPath(cid)));
}

/**
 * Training tuples' material from retrieval-SfM-120k.pkl: {train | val: {cids, cluster, qidxs, pidxs}}.
 * @param root data root @param split "train" (91,642 images) or "val" (6,403)
 * @throws MissingDataError, FileFormatError (indices out of range, lists of different length)
 */
export function readSfm(root: string, split: "train" | "val"): TrainingSet {
  const folder = join(root, sfmFolder);
  const file = join(folder, "retrieval-SfM-120k.pkl");
  return readTrainingSplit(readDescription(file, getIt("train", root)).at(split), "retrieval-SfM-120k", (cids) =>
    cidPaths(cids, folder),
  );
}

/**
 * One {cids, cluster, qidxs, pidxs} mapping. A positive may be a list, as in GL18's file; its first member counts.
 * Cluster ids may be numbers or text.
 */
export function readTrainingSplit(split: Field, name: string, pathsOf: (cids: string[]) => string[]): TrainingSet {
  const cids = split.at("cids").strings();
  if (cids.length === 0) split.at("cids").fail("at least one image, got none");
  const queries = split.at("qidxs").indices(cids.length, "images");
  const positives = firstOfEach(split.at("pidxs")).indices(cids.length, "images");
  if (positives.length !== queries.length)
    split.at("pidxs").fail(`as many entries as qidxs (${queries.length}), got ${positives.length}`);
  const clusters = numberClusters(split.at("cluster"));
  if (clusters.length !== cids.length)
    split.at("cluster").fail(`as many entries as cids (${cids.length}), got ${clusters.length}`);
  return {
    name,
    images: pathsOf(cids),
    clusters,
    queries: Int32Array.from(queries),
    positives: Int32Array.from(positives),
    warnings: duplicateWarning(cids, split.file),
  };
}

function firstOfEach(pidxs: Field): Field {
  if (!Array.isArray(pidxs.value) || !pidxs.value.some(Array.isArray)) return pidxs;
  const first = pidxs.list().map((p) => (Array.isArray(p.value) ? p.integers()[0] : p.value));
  return new Field(pidxs.file, pidxs.path, first);
}

function numberClusters(field: Field): Int32Array {
  const texts = Array.isArray(field.value) && field.value.some((v) => typeof v === "string");
  const ids: (string | number)[] = texts ? field.strings() : field.integers();
  const numbers = new Map<string | number, number>();
  return Int32Array.from(ids, (id) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    return numbers.get(id) as number;
  });
}

/** The images of "train" as a database without queries: for codebooks and whitening, the first n in file order. */
export function trainDataset(root: string): Dataset {
  const { images, warnings } = readSfm(root, "train");
  const imageNames = images.map((p) => p.slice(p.lastIndexOf("/") + 1));
  return { name: "train", protocol: "old", images, imageNames, queries: [], groundTruth: null, warnings };
}

/**
 * val_eccv20: {cids, qidx, gnd: {ok, junk}}; queries are members of the database and whole images.
 */
export function valDataset(root: string): Dataset {
  const folder = join(root, sfmFolder);
  const file = join(folder, "retrieval-SfM-120k-val-eccv2020.pkl");
  const top = readDescription(file, getIt("val_eccv20", root));
  const cids = top.at("cids").strings();
  if (cids.length === 0) top.at("cids").fail("at least one image, got none");
  const members = top.at("qidx").indices(cids.length, "images");
  const gnd = top.at("gnd");
  const judgements = readJudgements(gnd, cids.length);
  if (judgements.protocol !== "old") return gnd.fail("records with ok and junk, got easy and hard");
  if (judgements.records.length !== members.length)
    gnd.fail(`as many records as qidx (${members.length}), got ${judgements.records.length}`);
  const images = cidPaths(cids, folder);
  const queries = members.map((q) => cids[q]);
  const boxes = readBoxes(gnd, "first", queries);
  const judged = { file, queries, images: cids };
  return {
    name: "val_eccv20",
    protocol: "old",
    images,
    imageNames: cids,
    queries: members.map((q, i) => ({ name: cids[q], path: images[q], box: boxes[i] })),
    groundTruth: judgements.records,
    warnings: [
      ...duplicateWarning(cids, file),
      ...judgementWarnings(judgements, judged),
      ...selfMatchWarning(judgements.records, members, judged),
    ],
  };
}
