/** @file One file of an archive onto disk: whole or not at all, and nothing that lay there before is lost. */
import { lstatSync, renameSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { readUpTo, writeAll } from "../../base/file-io.js";
import { besides } from "../../base/file-names.js";
import { makeFolder } from "../../base/folders.js";
import { openRegularAsync } from "../../base/regular-file.js";
import { asWriteError } from "../../base/system-error.js";
import type { TarEntry } from "./tar.js";

/**
 * Writes an entry to `path` below `folder`. A file with the same content is left alone; anything else of that name is moved to
 * `<folder>.replaced/`.
 * @returns where to, when something was moved
 * @throws WriteError, what the entry's body throws
 */
export async function writeEntry(entry: TarEntry, folder: string, path: string): Promise<string | undefined> {
  const target = join(folder, path);
  makeFolder(dirname(target));
  // Not flushed one by one: 160,000 files would take hours; the note that the archive is done is written last.
  const temporary = besides(join(dirname(target), `.${basename(target)}`), ".fire-gpu-part");
  const existing = await openTwin(target, entry.size);
  let out: FileHandle | undefined;
  try {
    let done = 0;
    for await (const piece of entry.body) {
      if (!out && existing && (await holds(existing, piece, done, target))) {
        done += piece.length;
        continue;
      }
      out ??= await begin(temporary, existing, done, target);
      await writeAll(out, piece, target);
    }
    if (existing && !out) return undefined;
    out ??= await begin(temporary, undefined, 0, target);
    await out.close();
    const moved = moveAside(folder, path);
    renameSync(temporary, target);
    return moved;
  } catch (e) {
    await out?.close().catch(() => {});
    rmSync(temporary, { force: true });
    throw asWriteError(target, e);
  } finally {
    await existing?.close();
  }
}

/** A file of that name and size, which may be the entry's own from an earlier run. */
async function openTwin(target: string, size: number): Promise<FileHandle | undefined> {
  const state = statSync(target, { throwIfNoEntry: false });
  if (!state?.isFile() || state.size !== size) return undefined;
  return (await openRegularAsync(target)).handle;
}

async function holds(file: FileHandle, piece: Uint8Array, position: number, name: string): Promise<boolean> {
  const bytes = Buffer.allocUnsafe(piece.length);
  const n = await readUpTo(file, bytes, name, position);
  return n === piece.length && bytes.equals(piece);
}

/** A new file with the first `length` bytes of another one. */
async function begin(
  temporary: string,
  like: FileHandle | undefined,
  length: number,
  name: string,
): Promise<FileHandle> {
  const out = await open(temporary, "w");
  const buffer = Buffer.allocUnsafe(Math.min(length, 1 << 20));
  for (let at = 0; like && at < length; ) {
    const n = await readUpTo(like, buffer.subarray(0, Math.min(buffer.length, length - at)), name, at);
    if (n === 0) break;
    await writeAll(out, buffer.subarray(0, n), name);
    at += n;
  }
  return out;
}

function moveAside(folder: string, path: string): string | undefined {
  const from = join(folder, path);
  if (!lstatSync(from, { throwIfNoEntry: false })) return undefined;
  const wanted = join(`${folder}.replaced`, path);
  makeFolder(dirname(wanted));
  let to = wanted;
  for (let n = 2; lstatSync(to, { throwIfNoEntry: false }); n++) to = besides(wanted, `.${n}`);
  renameSync(from, to);
  return to;
}
