/** @file An archive of photos: fetched in its pieces, unpacked, recorded, and removed. */
import { existsSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { FileFormatError } from "../../base/errors.js";
import { readBenchmark, readDistractors } from "../datasets/benchmarks.js";
import { readListFile } from "../datasets/list-file.js";
import { readSfm } from "../datasets/sfm.js";
import type { ArchiveAsset } from "./asset-types.js";
import { fetchFile } from "./fetch-file.js";
import { fileNameOf, pathInside, shownAddress } from "./file-name.js";
import { type DownloadOptions, type DownloadStep, fetchOptions } from "./options.js";
import { noteReceived } from "./received.js";
import { DownloadRecord } from "./record.js";
import { sourcesOf } from "./sources.js";
import { type Placement, unpackArchive } from "./unpack.js";

/**
 * Fetches and unpacks an archive, unless its photos are there.
 * @throws DownloadError, FileFormatError (damaged, or not what it should be), WriteError, the signal's reason
 */
export async function downloadArchive(asset: ArchiveAsset, options: DownloadOptions): Promise<void> {
  const { root, onNote, onWarn } = options;
  const record = new DownloadRecord(root);
  const key = shownAddress(asset.urls[0]);
  const folder = pathInside(root, asset.folder);
  const known = record.unpacked(key);
  if (known?.list) {
    const lost = record.lost(key, folder);
    if (lost === 0) return;
    onWarn?.(`${folder}: ${lost} of ${known.files} unpacked files are missing or damaged; downloaded again`);
  } else if (!known && existsSync(folder) && isComplete(asset, root)) {
    // An archive that was begun may have left damaged photos: to be there is not enough then.
    onNote?.(`${folder}: all photos are there, not downloaded again`);
    return;
  }
  options.claim?.();
  const parts: ArchivePart[] = [];
  for (const [i, url] of asset.urls.entries()) parts.push(await fetchPart(url, i === 0, folder, record, options));
  await unpackParts(asset, key, parts, folder, record, options);
}

/** A piece of an archive on disk. */
interface ArchivePart {
  readonly path: string;
  /** Whether it was downloaded, and may be removed; one that the user put there is kept. */
  readonly ours: boolean;
}

async function fetchPart(
  url: string,
  first: boolean,
  folder: string,
  record: DownloadRecord,
  options: DownloadOptions,
): Promise<ArchivePart> {
  // Beside the folder, not in it: a listing of the photos must not see half an archive.
  const path = join(dirname(folder), fileNameOf(url));
  const name = first ? "archive.tgz" : basename(path);
  const key = shownAddress(url);
  const state = statSync(path, { throwIfNoEntry: false });
  if (state) {
    const before = record.received(key);
    const ours = before?.size === state.size && record.sourceOf(relative(options.root, path)) === key;
    if (!ours) options.onNote?.(`${path} is there already: used as it is, and kept`);
    return { path, ours };
  }
  const fetched = await fetchFile(sourcesOf(url, path, options.mirrors), path, {
    ...fetchOptions(options, basename(path)),
    name,
  });
  noteReceived(url, path, fetched, record, options);
  return { path, ours: true };
}

async function unpackParts(
  asset: ArchiveAsset,
  key: string,
  parts: readonly ArchivePart[],
  folder: string,
  record: DownloadRecord,
  { root, signal, onProgress, onWarn }: DownloadOptions,
): Promise<void> {
  const [{ path: archive }] = parts;
  const step: DownloadStep = { action: "unpack", file: basename(archive) };
  const removeOurs = () => {
    for (const { path, ours } of parts) if (ours) rmSync(path, { force: true });
  };
  record.beginUnpacking(key);
  try {
    const { files, skipped, movedAside } = await unpackArchive(
      parts.map((p) => p.path),
      folder,
      placementOf(asset, root),
      { signal, onProgress: (done, total) => onProgress?.(step, done, total) },
    );
    if (files.length === 0)
      throw new FileFormatError("MalformedFile", archive, `expected photos, got none (${skipped[0] ?? "it is empty"})`);
    if (skipped.length) onWarn?.(`${archive}: ${skipped.length} entries passed over, the first is ${skipped[0]}`);
    if (movedAside.length)
      onWarn?.(
        `${folder}: ${movedAside.length} files differed from the archive's and were moved, the first to ${movedAside[0]}`,
      );
    record.endUnpacking(key, files);
  } catch (e) {
    // A damaged archive would be found damaged again. What was unpacked of it is compared with the next one.
    if (e instanceof FileFormatError) removeOurs();
    throw e;
  }
  removeOurs();
}

/** Whether every photo that the description names is there, so that a copy made by hand is not downloaded again. */
function isComplete(asset: ArchiveAsset, root: string): boolean {
  try {
    const { images, queries } = describedPhotos(asset, root);
    return images.length > 0 && images.every(isPhotoThere) && queries.every((q) => isPhotoThere(q.path));
  } catch {
    return false;
  }
}

function isPhotoThere(path: string): boolean {
  const state = statSync(path, { throwIfNoEntry: false });
  return state?.isFile() === true && state.size > 0;
}

function describedPhotos(
  { describedBy }: ArchiveAsset,
  root: string,
): { images: readonly string[]; queries: readonly { path: string }[] } {
  switch (describedBy) {
    case "oxford5k":
    case "paris6k":
      return readBenchmark(root, describedBy);
    case "train":
      return { images: [...readSfm(root, "train").images, ...readSfm(root, "val").images], queries: [] };
    case "revisitop1m":
      return readDistractors(root);
    case null:
      return { images: [], queries: [] };
  }
}

function placementOf(asset: ArchiveAsset, root: string): Placement {
  if (asset.placement !== "listed") return { kind: asset.placement };
  return { kind: "listed", names: new Set(readListFile(join(root, "test/revisitop1m/revisitop1m.txt")).names) };
}
