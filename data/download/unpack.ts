/** @file Archives of photos onto disk: each file where the data set expects it, whatever folders the archive has. */
import { createReadStream, lstatSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { createGunzip } from "node:zlib";
import { FileFormatError } from "../../base/errors.js";
import { cidPath } from "../datasets/sfm.js";
import { unfitName } from "./file-name.js";
import { readTar } from "./tar.js";
import { writeEntry } from "./write-entry.js";

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

export interface UnpackedFile {
  /** Below the folder unpacked into. */
  readonly path: string;
  readonly size: number;
}

export interface Unpacked {
  /** Files of the archive that now lie in the folder, in its order. */
  readonly files: readonly UnpackedFile[];
  /** Entries passed over, "path: reason": links and devices, names without a place, a second file of the same name. */
  readonly skipped: readonly string[];
  /** Where files lie that were in the way, with other content than the archive's. */
  readonly movedAside: readonly string[];
}

/**
 * An archive may unpack to so many times its own size. Photos, compressed already, come to about 1; deflate can reach 1032,
 * which only files made to fill a disk do.
 */
export const LARGEST_RATIO = 32;
/** What any archive may unpack to. */
const ALLOWANCE = 16 * 2 ** 20;

/**
 * Unpacks a .tar.gz that may be cut into parts. Files that are there with the same content are not written again, so an
 * interrupted run continues; every file appears under its name only when it is whole; files in the way are moved aside.
 * @throws FileFormatError for a damaged archive, or one that unpacks to more than {@link LARGEST_RATIO} times its size;
 *   WriteError when the disk refuses; the signal's reason.
 */
export async function unpackArchive(
  parts: readonly string[],
  folder: string,
  placement: Placement,
  options: UnpackOptions = {},
): Promise<Unpacked> {
  const archive = parts[0];
  const total = parts.reduce((n, p) => n + statSync(p).size, 0);
  const limit = ALLOWANCE + LARGEST_RATIO * total;
  const files: UnpackedFile[] = [];
  const skipped: string[] = [];
  const movedAside: string[] = [];
  const names = new Names(folder);
  for await (const entry of readTar(gunzip(parts, total, limit, options), archive, limit)) {
    options.signal?.throwIfAborted();
    if (entry.type === "folder") continue;
    const place = entry.type === "file" ? placeOf(entry.path, placement) : { reason: "no regular file" };
    const reason = "reason" in place ? place.reason : names.claim(place.path);
    if (reason !== undefined || "reason" in place) {
      skipped.push(`${entry.path}: ${reason}`);
      continue;
    }
    const moved = await writeEntry(entry, folder, place.path);
    if (moved !== undefined) movedAside.push(moved);
    files.push({ path: place.path, size: entry.size });
  }
  return { files, skipped, movedAside };
}

/** Names given so far, as the file system tells them apart. */
class Names {
  /** By the spelling that systems which ignore case and composition would take for the same. */
  private readonly taken = new Map<string, string[]>();

  constructor(private readonly folder: string) {}

  /** Takes a name. @returns why it cannot be had */
  claim(path: string): string | undefined {
    const key = path.normalize("NFC").toLowerCase();
    const alike = this.taken.get(key) ?? [];
    if (alike.includes(path)) return "a second file of that name";
    const twin = alike.find((other) => this.isSame(other, path));
    if (twin !== undefined) return `the file system does not tell it from ${twin}`;
    this.taken.set(key, [...alike, path]);
    return undefined;
  }

  private isSame(one: string, other: string): boolean {
    const [a, b] = [one, other].map((p) => lstatSync(join(this.folder, p), { bigint: true, throwIfNoEntry: false }));
    return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
  }
}

async function* gunzip(
  parts: readonly string[],
  total: number,
  limit: number,
  { onProgress, signal }: UnpackOptions,
): AsyncGenerator<Uint8Array> {
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
    let unpacked = 0;
    for await (const chunk of zip) {
      signal?.throwIfAborted();
      unpacked += (chunk as Uint8Array).length;
      if (unpacked > limit)
        throw new FileFormatError(
          "MalformedFile",
          parts[0],
          `expected photos, got an archive that unpacks to more than ${LARGEST_RATIO} times its ${total} bytes`,
        );
      yield chunk as Uint8Array;
    }
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
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
}

/** A path inside the folder, or why a file has no place there. */
function placeOf(path: string, placement: Placement): { path: string } | { reason: string } {
  const steps = path.split("/");
  const name = steps[steps.length - 1];
  if (path.startsWith("/")) return { reason: "an absolute path" };
  if (steps.includes("..")) return { reason: "a path that leads out of the archive" };
  const unfit = unfitName(name);
  if (unfit !== undefined) return { reason: unfit };
  if (name.startsWith(".")) return { reason: "a hidden file" };
  switch (placement.kind) {
    case "flatten":
      return { path: name };
    case "cid":
      return /^[0-9a-f]{32}$/.test(name)
        ? { path: posix.relative("ims", cidPath(name)) }
        : { reason: "its name is no id of a photo" };
    case "listed": {
      // Lists have few steps; a path with thousands is none of them.
      for (let i = Math.max(0, steps.length - 16); i < steps.length; i++) {
        const tail = steps.slice(i);
        if (placement.names.has(tail.join("/")) && tail.every((s) => unfitName(s) === undefined))
          return { path: tail.join("/") };
      }
      return { reason: "not in the list of photos" };
    }
  }
}
