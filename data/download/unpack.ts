/** @file Archives of photos onto disk: each file where the data set expects it, whatever folders the archive has. */
import { createReadStream, renameSync, rmSync, statSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { createGunzip } from "node:zlib";
import { FileFormatError } from "../../base/errors.js";
import { openToWrite, writeAll } from "../../base/file-io.js";
import { besides } from "../../base/file-names.js";
import { makeFolder } from "../../base/folders.js";
import { cidPath } from "../datasets/sfm.js";
import { readTar, type TarEntry } from "./tar.js";

/**
 * Where an archive's file goes, relative to the folder unpacked into:
 * - flatten: all into the folder itself (Oxford, Paris);
 * - cid: by its id, as training images lie (`0e/08/dc/<id>`), below the folder `ims`;
 * - listed: where one of these names ends the archive's path, at that name (distractors);
 */
export type Placement =
  | { readonly kind: "flatten" }
  | { readonly kind: "cid" }
  | { readonly kind: "listed"; readonly names: ReadonlySet<string> };

export interface UnpackOptions {
  /** Bytes of the archive read so far. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface Unpacked {
  /** Files of the archive that now lie in the folder. */
  readonly files: number;
  /** Entries passed over: links, names the placement does not know, a second file of the same name. */
  readonly skipped: string[];
}

/**
 * Unpacks a .tar.gz that may be cut into parts. Files that are there in full size are not written again, so an
 * interrupted run continues; every file appears under its name only when it is whole.
 * @throws FileFormatError for a damaged archive; the signal's reason.
 */
export async function unpackArchive(
  parts: readonly string[],
  folder: string,
  placement: Placement,
  options: UnpackOptions = {},
): Promise<Unpacked> {
  const archive = parts[0];
  const seen = new Set<string>();
  const skipped: string[] = [];
  for await (const entry of readTar(gunzip(parts, options), archive)) {
    options.signal?.throwIfAborted();
    if (entry.type !== "file") continue;
    const to = place(entry.path, placement);
    if (to === null || seen.has(to)) skipped.push(entry.path);
    else {
      seen.add(to);
      await writeEntry(entry, join(folder, to));
    }
  }
  return { files: seen.size, skipped };
}

async function* gunzip(parts: readonly string[], { onProgress, signal }: UnpackOptions): AsyncGenerator<Uint8Array> {
  const total = parts.reduce((n, p) => n + statSync(p).size, 0);
  let done = 0;
  const compressed = (async function* () {
    for (const part of parts)
      for await (const chunk of createReadStream(part, { highWaterMark: 1 << 18, signal })) {
        done += (chunk as Uint8Array).length;
        onProgress?.(done, total);
        yield chunk as Uint8Array;
      }
  })();
  const zip = createGunzip({ chunkSize: 1 << 18 });
  // Written by hand instead of pipeline(), so that the reader's errors and the archive's surface in one place.
  const feed = (async () => {
    try {
      for await (const chunk of compressed) if (!zip.write(chunk)) await drained(zip);
      zip.end();
    } catch (e) {
      zip.destroy(e as Error);
    }
  })();
  try {
    for await (const chunk of zip) yield chunk as Uint8Array;
    await feed;
  } catch (cause) {
    signal?.throwIfAborted();
    const { code, message } = cause as NodeJS.ErrnoException;
    if (!code?.startsWith("Z_")) throw cause;
    const kind = code === "Z_BUF_ERROR" ? "Truncated" : "MalformedFile";
    throw new FileFormatError(kind, parts[0], `damaged archive: ${message}`, { cause });
  } finally {
    zip.destroy();
  }
}

/** Resolves when the stream takes more, or has been closed and never will. */
function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("drain", resolve);
    stream.once("close", resolve);
  });
}

/** A path inside the folder, or null for a file that has no place there. */
function place(path: string, placement: Placement): string | null {
  const name = basename(path);
  if (name.startsWith(".") || name === "") return null;
  switch (placement.kind) {
    case "flatten":
      return name;
    case "cid":
      return /^[0-9a-f]{32}$/.test(name) ? posix.relative("ims", cidPath(name)) : null;
    case "listed": {
      const steps = path.split("/");
      for (let i = 0; i < steps.length; i++) {
        const tail = steps.slice(i).join("/");
        if (placement.names.has(tail) && !tail.split("/").includes("..")) return tail;
      }
      return null;
    }
  }
}

async function writeEntry(entry: TarEntry, path: string): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.size === entry.size) return;
  makeFolder(dirname(path));
  // Not flushed one by one: 160,000 files would take hours; the note that the archive is done is written last.
  const temporary = besides(join(dirname(path), `.${basename(path)}`), ".part");
  let file: FileHandle | undefined;
  try {
    file = await openToWrite(temporary, "w");
    for await (const piece of entry.body) await writeAll(file, piece, path);
    await file.close();
    renameSync(temporary, path);
  } catch (e) {
    await file?.close().catch(() => {});
    rmSync(temporary, { force: true });
    throw e;
  }
}
