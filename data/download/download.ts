/** @file Everything a name stands for, fetched, checked, unpacked and linked; what is there already is left alone. */
import { existsSync, lstatSync, statSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { UsageError } from "../../base/errors.js";
import { makeFolder } from "../../base/folders.js";
import { didYouMean } from "../../base/suggest.js";
import { asWriteError } from "../../base/system-error.js";
import { downloadArchive } from "./archive.js";
import type { Asset, FileAsset, LinkAsset } from "./asset-types.js";
import { assetGroups } from "./assets.js";
import { DownloadError } from "./errors.js";
import { fetchFile, sha256Of } from "./fetch-file.js";
import { pathInside, shownAddress } from "./file-name.js";
import { type DownloadOptions, fetchOptions } from "./options.js";
import { noteReceived } from "./received.js";
import { DownloadRecord } from "./record.js";
import { sourcesOf } from "./sources.js";

export type { DownloadOptions, DownloadStep } from "./options.js";

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
        `data: nothing to download is called ${JSON.stringify(name)}; ${didYouMean(name, known) || "fire-gpu download --list prints all names"}`,
      );
}

/**
 * Downloads what a name stands for. Interrupted runs continue where they were; complete files are never touched.
 * @throws UsageError (unknown name), DownloadError (names every address and its answer), FileFormatError (damaged
 *   archive), the signal's reason when aborted.
 */
export async function download(name: string, options: DownloadOptions): Promise<void> {
  requireDownloadNames([name]);
  const { assets, remark } = assetGroups[name];
  if (remark && !isDownloaded(assets, options.root)) options.onWarn?.(`${name}: ${remark}`);
  await downloadAssets(assets, options);
}

function isDownloaded(assets: readonly Asset[], root: string): boolean {
  return assets.every((asset) => asset.kind === "file" && existsSync(join(root, asset.path)));
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
  const target = pathInside(options.root, asset.path);
  const { sha256, certain } = asset;
  const record = new DownloadRecord(options.root);
  // looked for again after that: another process may have just finished it
  if (!isThere(target)) options.claim?.();
  if (isThere(target)) {
    const source = record.sourceOf(asset.path);
    if (source !== undefined && source !== shownAddress(asset.url))
      options.onWarn?.(
        `${target} came from ${source}, not from ${shownAddress(asset.url)}; move it away to have that one downloaded`,
      );
    if (!sha256) return;
    const got = await sha256Of(target, options.signal);
    if (got.startsWith(sha256)) return;
    const differs = `${target}: expected SHA-256 ${sha256}…, got ${got}`;
    if (certain) throw new DownloadError("ChecksumMismatch", `${differs}; move it away to have it downloaded again`);
    options.onWarn?.(`${differs}; kept as it is`);
    return;
  }
  const fetched = await fetchFile(sourcesOf(asset.url, target, options.mirrors), target, {
    ...fetchOptions(options, basename(target)),
    sha256: certain ? sha256 : undefined,
  });
  noteReceived(asset.url, target, fetched, record, options, certain);
  if (sha256 && !certain && !fetched.sha256.startsWith(sha256))
    options.onWarn?.(
      `${target}: its name promises SHA-256 ${sha256}…, the file has ${fetched.sha256}; it may be another version`,
    );
}

/** Relative, so that a data root can be moved. A folder of photos that is there already stays. */
function makeLink({ path, to }: LinkAsset, root: string): void {
  const at = pathInside(root, path);
  if (lstatSync(at, { throwIfNoEntry: false })) return;
  makeFolder(dirname(at));
  try {
    symlinkSync(relative(dirname(at), pathInside(root, to)), at, "dir");
  } catch (cause) {
    throw asWriteError(at, cause);
  }
}

/** Whether a file is there. @throws DownloadError where something else has its name */
function isThere(target: string): boolean {
  const state = lstatSync(target, { throwIfNoEntry: false });
  if (!state) return false;
  if (!statSync(target, { throwIfNoEntry: false })?.isFile())
    throw new DownloadError(
      "NotAFile",
      `${target}: expected a file or nothing, got something else of that name; move it away`,
    );
  return true;
}
