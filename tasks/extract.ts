/**
 * @file `fire-gpu extract`: features of any photos into one safetensors file. They are collected in `<out>.partial/`,
 * where a run after a kill finds them, and written in one piece at the end.
 */

import { type Dirent, lstatSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { AtomicFile } from "../base/atomic.js";
import {
  anything,
  checkOptions,
  flag,
  listOf,
  oneOf,
  orNull,
  positive,
  type Rule,
  text,
  whole,
} from "../base/check.js";
import { MissingDataError, UsageError } from "../base/errors.js";
import { besides } from "../base/file-names.js";
import { sha256File } from "../base/hash.js";
import { kindOfPath } from "../base/regular-file.js";
import type { DType } from "../base/tensor.js";
import { scanFolder } from "../data/datasets/folder.js";
import { duplicateWarning, readListFile } from "../data/datasets/list-file.js";
import { isThereAsWritten, resolveNames } from "../data/datasets/photo-names.js";
import { ImageLoader } from "../data/loader.js";
import { type PendingTensor, Safetensors, safetensorsChunks } from "../formats/safetensors.js";
import { CachedFeatures } from "./evaluate/feature-cache.js";
import { eachGlobal, eachLocal, globalRequest, localRequest } from "./evaluate/features.js";
import { lockFolder } from "./evaluate/lock.js";
import { type Photo, wholePhotos } from "./evaluate/photos.js";
import { warnOfSmallImages } from "./image-size.js";
import { modelIdentity, type OpenModel } from "./open-model.js";
import { claimOutput } from "./outputs.js";
import { type Progress, progressRule, silent } from "./progress.js";
import { type OnError, SkipList, type SkippedPhoto } from "./skips.js";

/** What to extract. Left out: what the checkpoint says (`net_params.runtime`). */
export interface ExtractOptions {
  /** Image files, folders of images, and text files (.txt, .lst) with one image a line. */
  readonly inputs: readonly string[];
  readonly checkpoint: string;
  readonly out: string;
  /** Replace `out` even if no extraction wrote it. */
  readonly force?: boolean;
  readonly global: boolean;
  readonly scales?: readonly number[];
  /** Null keeps all. */
  readonly featuresNum?: number | null;
  /** Longer side at most, in pixels. */
  readonly imageSize?: number;
  /** Whether photos that cannot be used are left out (default), or end the run. */
  readonly onError?: OnError;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  inputs: listOf(text),
  checkpoint: text,
  out: text,
  force: flag,
  global: flag,
  scales: listOf(positive),
  featuresNum: orNull(whole(1)),
  imageSize: whole(1),
  onError: oneOf("skip", "stop"),
  progress: progressRule,
  signal: anything,
} as const satisfies { readonly [K in keyof ExtractOptions]-?: Rule };

/** What was written. */
export interface ExtractResult {
  readonly out: string;
  readonly images: number;
  /** Rows of `descriptors`: one an image for global descriptors. */
  readonly descriptors: number;
  readonly dim: number;
  /** Photos that could not be used; they have no id. */
  readonly skipped: readonly SkippedPhoto[];
}

/**
 * Local: tensors `descriptors` (N × D, not normalised), `strengths` (N), `locations` (N × 2), `scales` (N), `image_ids` (N).
 * Global: `descriptors` (images × D, L2-normalised), `image_ids`. Metadata: `names` (JSON list, by image id), `model`, …;
 * `skipped` (JSON list of file, code, reason) where photos were left out.
 * @throws UsageError, MissingDataError, FileFormatError naming the photo, also when none of them can be used; WriteError;
 *   Interrupted after the signal
 */
export async function extract(
  options: ExtractOptions,
  open: (checkpoint: string) => Promise<OpenModel>,
): Promise<ExtractResult> {
  checkOptions("extract", options, OPTIONS, ["inputs", "checkpoint", "out", "global", "progress"]);
  const { out, force, inputs, checkpoint, progress, signal } = options;
  const named = [checkpoint, ...inputs];
  const claimed = claimOutput({ option: "--out", file: out, isOwn: isFeatureFile, force, inputs: named });
  const partial = besides(out, ".partial");
  requireOwnPartial(partial);
  const paths = findImages(inputs, progress);
  claimed.mustDifferFrom(paths);
  const photos: Photo[] = wholePhotos(paths);
  const skips = new SkipList(options.onError ?? "skip");
  await skips.lookAt(photos, "extract", progress, signal);
  const model = await open(checkpoint);
  if (model.notice) progress.note(model.notice);
  const loader = new ImageLoader({ onNotice: (line) => progress.warn(line) });
  try {
    const store = { folder: partial, loader, progress, skips, signal };
    const { network } = model;
    const { runtime } = network;
    const inference = {
      imageSize: options.imageSize ?? runtime.imageSize,
      scales: options.scales ?? runtime.scales,
      featuresNum: options.featuresNum === undefined ? runtime.featuresNum : options.featuresNum,
    };
    warnOfSmallImages(progress, inference.imageSize, "image size");
    const sha256 = await sha256File(checkpoint);
    const source = { network, sha256: modelIdentity(sha256, model) };
    const request = await (options.global ? globalRequest : localRequest)(source, "extract", photos, inference, skips);
    const features = await CachedFeatures.open(store, request);
    const metadata = {
      network: `${network.kind} ${network.architecture}`,
      model_sha256: sha256,
      precision: model.precision ?? "f32",
      kind: options.global ? "global" : "local",
      inference: JSON.stringify(inference),
    };
    const job: WriteJob = { features, out, paths, dim: network.outputDim, metadata, skips };
    let written: { images: number; descriptors: number };
    try {
      written = await (options.global ? writeGlobal(job) : writeLocal(job));
    } finally {
      await features.close();
    }
    removePartial(partial);
    skips.report(progress);
    return { out, ...written, dim: network.outputDim, skipped: skips.list };
  } finally {
    await loader.close();
    await model.close();
  }
}

/**
 * Files as they are, folders and lists unfolded, in the order given. All names of a list count from the current folder, or
 * all from the list's own.
 * @throws MissingDataError, UsageError
 */
export function findImages(inputs: readonly string[], progress: Progress = silent): string[] {
  const paths = inputs.flatMap((input) => {
    const kind = kindOfPath(input);
    if (!kind) throw new MissingDataError("ImageMissing", `${input}: no such image, folder or list`);
    if (kind === "folder") return inFolder(input, progress);
    return /\.(txt|lst)$/i.test(input) ? listed(input, progress) : [input];
  });
  if (paths.length === 0) throw new UsageError("NoImages", "extract: expected image files, folders or lists");
  for (const line of duplicateWarning(
    paths,
    "photos",
    paths.map((path) => resolve(path)),
  ))
    progress.warn(line);
  return paths;
}

function inFolder(folder: string, progress: Progress): string[] {
  const { names, warnings, notes } = scanFolder(folder);
  for (const line of notes) progress.note(line);
  for (const line of warnings) progress.warn(line);
  return names.map((name) => join(folder, name));
}

function listed(list: string, progress: Progress): string[] {
  const folders = [".", dirname(list)];
  const { names, warnings, notes } = readListFile(list, "", isThereAsWritten(folders));
  for (const line of notes) progress.note(line);
  for (const line of warnings) progress.warn(line);
  const paths = resolveNames(names, folders);
  // As the list has it where that leads to the photo.
  return names.map((name, i) => (resolve(name) === paths[i] ? name : relative(".", paths[i])));
}

/** Whether `extract` wrote a file. */
function isFeatureFile(file: string): boolean {
  const { metadata } = Safetensors.open(file);
  return ["names", "network", "model_sha256", "inference"].every((key) => Object.hasOwn(metadata, key));
}

/** Folders and files that a feature cache makes. */
const CACHE = /^features-[0-9a-f]+$/;
const CACHE_FILE = /^(about\.json|notices\.jsonl|\d{6}\.shard|lock|lock\.held)$/;

/** @throws UsageError when what has the name of the folder of unfinished work is anything else */
function requireOwnPartial(partial: string): void {
  const stats = lstatSync(partial, { throwIfNoEntry: false });
  if (!stats) return;
  const isCache = (entry: Dirent) => entry.isDirectory() && CACHE.test(entry.name);
  if (stats.isDirectory() && readdirSync(partial, { withFileTypes: true }).every(isCache)) return;
  throw new UsageError(
    "NotOurs",
    `${partial}: unfinished work would go there, but it holds something else; give another --out, or move it away`,
  );
}

/** Removes the work that has gone into the file, and what was begun with other options; nothing of others, and no run's at work. */
function removePartial(partial: string): void {
  for (const name of readdirSync(partial).filter((n) => CACHE.test(n))) {
    const folder = join(partial, name);
    try {
      const unlock = lockFolder(folder);
      for (const file of readdirSync(folder).filter((f) => CACHE_FILE.test(f) && !f.startsWith("lock")))
        rmSync(join(folder, file));
      unlock();
      rmdirSync(folder);
    } catch {
      // another run is at work there, or has left something
    }
  }
  try {
    rmdirSync(partial);
  } catch {
    // not empty
  }
}

type Metadata = Record<string, string>;

/** The header of the file; the tensors' bytes follow in the order of `tensors`. */
function beginFile(out: string, tensors: [string, DType, number[]][], metadata: Metadata): AtomicFile {
  const load = () => {
    throw new Error("the data are written by hand");
  };
  const pending = tensors.map(([name, dtype, shape]): [string, PendingTensor] => [name, { dtype, shape, load }]);
  const chunks = safetensorsChunks(new Map(pending), metadata);
  const file = new AtomicFile(out);
  // The generator's first two pieces are the header's length and text.
  for (let i = 0; i < 2; i++) file.write(chunks.next().value as Uint8Array);
  return file;
}

interface WriteJob {
  readonly features: CachedFeatures;
  readonly out: string;
  readonly paths: readonly string[];
  readonly dim: number;
  readonly metadata: Metadata;
  readonly skips: SkipList;
}

/** Names by image id and what was left out, once everything is computed. @throws FileFormatError when nothing is left */
function describeImages({ paths, metadata, skips }: WriteJob, names: readonly string[]): Metadata {
  skips.requireSome(names.length, paths.length, "extract");
  const described: Metadata = { names: JSON.stringify(names), ...metadata };
  if (skips.list.length > 0) described.skipped = JSON.stringify(skips.list);
  return described;
}

/** Photos that were not skipped, in order. */
async function* present<T>(each: AsyncIterable<T | null>): AsyncGenerator<T> {
  for await (const one of each) if (one !== null) yield one;
}

/** First pass: compute what is missing and count. Then one pass over the records for each tensor: memory stays small. */
async function writeLocal(job: WriteJob): Promise<{ images: number; descriptors: number }> {
  const { features, out, paths, dim } = job;
  const names: string[] = [];
  let rows = 0;
  let at = 0;
  for await (const one of eachLocal(features)) {
    if (one) names.push(paths[at]);
    rows += one?.count ?? 0;
    at++;
  }
  const file = beginFile(
    out,
    [
      ["descriptors", "F32", [rows, dim]],
      ["strengths", "F32", [rows]],
      ["scales", "F32", [rows]],
      ["image_ids", "I32", [rows]],
      ["locations", "I16", [rows, 2]],
    ],
    describeImages(job, names),
  );
  try {
    for (const part of ["descriptors", "strengths", "scales"] as const) {
      for await (const one of present(eachLocal(features))) file.write(bytesOf(one[part]));
    }
    let id = 0;
    for await (const { count } of present(eachLocal(features))) file.write(bytesOf(new Int32Array(count).fill(id++)));
    for await (const { locations } of present(eachLocal(features))) file.write(bytesOf(locations));
    file.commit();
  } catch (error) {
    file.abort();
    throw error;
  }
  return { images: names.length, descriptors: rows };
}

async function writeGlobal(job: WriteJob): Promise<{ images: number; descriptors: number }> {
  const { features, out, paths, dim } = job;
  // Everything is computed before the file is begun.
  const names: string[] = [];
  let at = 0;
  for await (const one of eachGlobal(features)) {
    if (one) names.push(paths[at]);
    at++;
  }
  const images = names.length;
  const tensors: [string, DType, number[]][] = [
    ["descriptors", "F32", [images, dim]],
    ["image_ids", "I32", [images]],
  ];
  const file = beginFile(out, tensors, describeImages(job, names));
  try {
    for await (const descriptor of present(eachGlobal(features))) file.write(bytesOf(descriptor));
    file.write(bytesOf(Int32Array.from({ length: images }, (_, i) => i)));
    file.commit();
  } catch (error) {
    file.abort();
    throw error;
  }
  return { images, descriptors: images };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
