/** @file Everything a name stands for, fetched, checked, unpacked and linked; what is there already is left alone. */
import { existsSync, lstatSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { FileFormatError, UsageError } from "../../base/errors.js";
import { makeFolder } from "../../base/folders.js";
import { readHead } from "../../base/regular-file.js";
import { didYouMean } from "../../base/suggest.js";
import { readBenchmark, readDistractors } from "../datasets/benchmarks.js";
import { readListFile } from "../datasets/list-file.js";
import { readSfm } from "../datasets/sfm.js";
import type { ArchiveAsset, Asset, FileAsset, LinkAsset } from "./asset-types.js";
import { assetGroups } from "./assets.js";
import { DownloadError, type FetchOptions, fetchFile, sha256Of } from "./fetch-file.js";
import { DownloadRecord } from "./record.js";
import { type Placement, unpackArchive } from "./unpack.js";

export interface DownloadOptions extends Pick<FetchOptions, "signal" | "attempts" | "pauseMs" | "idleMs"> {
  /** Data root. */
  root: string;
  /**
   * Base addresses that hold the same files, asked before the original: `<base>/<path of the address>`, then
   * `<base>/<file name>`. Default: $FIRE_GPU_MIRROR, a list separated by commas.
   */
  mirrors?: readonly string[];
  /** Bytes of the current step; `total` is null while unknown. */
  onProgress?: (step: DownloadStep, done: number, total: number | null) => void;
  /** One sentence that the user should read: what was kept, what looks odd. */
  onNote?: (line: string) => void;
}

export interface DownloadStep {
  readonly action: "download" | "unpack";
  /** File name. */
  readonly file: string;
}

/** All names that can be downloaded, with a line about each. */
export function downloadNames(): { name: string; about: string }[] {
  return Object.entries(assetGroups).map(([name, { about }]) => ({ name, about }));
}

/** @throws UsageError for the first name that nothing has, with those it may have meant */
export function requireDownloadNames(names: readonly string[]): void {
  const known = Object.keys(assetGroups);
  for (const name of names)
    if (!Object.hasOwn(assetGroups, name))
      throw new UsageError(
        "UnknownDownload",
        `data: nothing to download is called ${JSON.stringify(name)}; ${didYouMean(name, known) || `known are ${known.join(", ")}`} (fire-gpu download --list)`,
      );
}

/**
 * Downloads what a name stands for. Interrupted runs continue where they were; complete files are never touched.
 * @throws UsageError (unknown name), DownloadError (names every address and its answer), FileFormatError (damaged
 *   archive), the signal's reason when aborted.
 */
export async function download(name: string, options: DownloadOptions): Promise<void> {
  requireDownloadNames([name]);
  await downloadAssets(assetGroups[name].assets, options);
}

/** The same for a list of assets. */
export async function downloadAssets(assets: readonly Asset[], options: DownloadOptions): Promise<void> {
  for (const asset of assets) {
    options.signal?.throwIfAborted();
    if (asset.kind === "file") await downloadFile(asset, options);
    else if (asset.kind === "archive") await downloadArchive(asset, options);
    else makeLink(asset, options.root);
  }
}

async function downloadFile(asset: FileAsset, options: DownloadOptions): Promise<void> {
  const target = join(options.root, asset.path);
  const { sha256, certain } = asset;
  if (existsSync(target)) {
    if (!sha256) return;
    const got = await sha256Of(target, options.signal);
    if (got.startsWith(sha256)) return;
    const differs = `${target}: expected SHA-256 ${sha256}…, got ${got}`;
    if (certain) throw new DownloadError("ChecksumMismatch", `${differs}; move it away to have it downloaded again`);
    options.onNote?.(`${differs}; kept as it is`);
    return;
  }
  await fetchFile(addresses(asset.url, options), target, {
    ...fetchOptions(options, basename(target)),
    sha256: certain ? sha256 : undefined,
    inspect: (part) => inspectFile(part, asset.url),
  });
  if (!sha256 || certain) return;
  const got = await sha256Of(target, options.signal);
  if (!got.startsWith(sha256))
    options.onNote?.(`${target}: its name promises SHA-256 ${sha256}…, the file has ${got}; it may be another version`);
}

async function downloadArchive(asset: ArchiveAsset, options: DownloadOptions): Promise<void> {
  const { root, signal, onNote } = options;
  const record = new DownloadRecord(root);
  const [key] = asset.urls;
  if (record.has(key)) return;
  const folder = join(root, asset.folder);
  if (existsSync(folder) && isComplete(asset, root)) {
    onNote?.(`${folder}: all photos are there, not downloaded again`);
    return;
  }
  const parts: string[] = [];
  for (const url of asset.urls) {
    // Beside the folder, not in it: a listing of the photos must not see half an archive.
    const part = join(dirname(folder), basename(new URL(url).pathname));
    parts.push(part);
    if (existsSync(part)) continue;
    await fetchFile(addresses(url, options), part, {
      ...fetchOptions(options, basename(part)),
      inspect: part === parts[0] ? (p) => inspectFile(p, url, ".tgz") : undefined,
    });
  }
  const step: DownloadStep = { action: "unpack", file: basename(parts[0]) };
  try {
    const { files, skipped } = await unpackArchive(parts, folder, placementOf(asset, root), {
      signal,
      onProgress: (done, total) => options.onProgress?.(step, done, total),
    });
    if (skipped.length) onNote?.(`${parts[0]}: ${skipped.length} files passed over, the first is ${skipped[0]}`);
    record.add(key, files);
  } catch (e) {
    // A damaged archive would be found damaged again; what was unpacked of it is whole and stays.
    if (e instanceof FileFormatError) for (const part of parts) rmSync(part, { force: true });
    throw e;
  }
  for (const part of parts) rmSync(part, { force: true });
}

/** Whether every photo that the description names is there, so that a copy made by hand is not downloaded again. */
function isComplete(asset: ArchiveAsset, root: string): boolean {
  try {
    const { images, queries } = describedPhotos(asset, root);
    return images.length > 0 && images.every((p) => existsSync(p)) && queries.every((q) => existsSync(q.path));
  } catch {
    return false;
  }
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

/** Relative, so that a data root can be moved. A folder of photos that is there already stays. */
function makeLink({ path, to }: LinkAsset, root: string): void {
  const at = resolve(root, path);
  if (lstatSync(at, { throwIfNoEntry: false })) return;
  makeFolder(dirname(at));
  symlinkSync(relative(dirname(at), resolve(root, to)), at, "dir");
}

function addresses(url: string, { mirrors }: DownloadOptions): string[] {
  const bases = mirrors ?? (process.env.FIRE_GPU_MIRROR ?? "").split(",").filter(Boolean);
  const { pathname } = new URL(url);
  const ofBase = (base: string) => {
    const start = base.replace(/\/+$/, "");
    return [`${start}${pathname}`, `${start}/${basename(pathname)}`];
  };
  return [...new Set([...bases.flatMap(ofBase), url])];
}

function fetchOptions(options: DownloadOptions, file: string): FetchOptions {
  const { signal, attempts, pauseMs, idleMs, onProgress } = options;
  const step: DownloadStep = { action: "download", file };
  return { signal, attempts, pauseMs, idleMs, onProgress: (done, total) => onProgress?.(step, done, total) };
}

/** First bytes by extension: a server that answers 200 with a page of text has not sent the file. */
const beginnings: Readonly<Record<string, readonly (readonly number[])[]>> = {
  ".tgz": [[0x1f, 0x8b]],
  ".pkl": [[0x80], [0x28], [0x7d]],
  ".pth": [[0x50, 0x4b], [0x80]],
  ".pt": [[0x50, 0x4b], [0x80]],
};

/** @throws DownloadError WrongContent */
function inspectFile(part: string, url: string, kind = extname(url)): void {
  const wanted = beginnings[kind];
  if (!wanted) return;
  const head = readHead(part, 16);
  if (wanted.some((w) => w.every((b, i) => head[i] === b))) return;
  const text = head.toString("latin1");
  throw new DownloadError("WrongContent", `${url}: not a ${kind} file, it begins with ${JSON.stringify(text)}`);
}
