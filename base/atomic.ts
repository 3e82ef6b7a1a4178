/**
 * @file Files that are either the old one or the whole new one: written under a temporary name in the same folder,
 * flushed to disk, then renamed. A failure or a kill never leaves a half-written file under the final name.
 */
import { closeSync, existsSync, fsyncSync, openSync, realpathSync, renameSync, rmSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { WriteError } from "./errors.js";
import { writeAllSync } from "./file-io.js";
import { temporaryName } from "./file-names.js";
import { makeFolder } from "./folders.js";
import { asWriteError } from "./system-error.js";

/** A file being written; `commit` gives it its name, `abort` leaves no trace of it. */
export class AtomicFile {
  private readonly target: string;
  private readonly temporary: string;
  private fd: number | undefined;
  /** Bytes written so far. */
  size = 0;

  /** Creates missing folders. @throws WriteError CannotWrite */
  constructor(readonly file: string) {
    try {
      ({ target: this.target, temporary: this.temporary } = names(file));
      makeFolder(dirname(this.target));
      this.fd = openSync(this.temporary, "wx");
    } catch (cause) {
      throw asWriteError(file, cause);
    }
  }

  /** Appends bytes. On failure the temporary file is removed. */
  write(bytes: Uint8Array): void {
    this.attempt((fd) => writeAllSync(fd, bytes, this.file));
    this.size += bytes.length;
  }

  /** Flushes and renames. */
  commit(): void {
    this.attempt((fd) => {
      fsyncSync(fd);
      this.fd = undefined;
      closeSync(fd);
      renameSync(this.temporary, this.target);
      syncFolder(dirname(this.target));
    });
  }

  /** Removes the temporary file; harmless after commit. Raises nothing, so that the failure before it is the one told. */
  abort(): void {
    const fd = this.fd;
    this.fd = undefined;
    try {
      if (fd !== undefined) closeSync(fd);
      rmSync(this.temporary, { force: true });
    } catch {
      // the drive that failed may not let it be removed either
    }
  }

  private attempt(work: (fd: number) => void): void {
    if (this.fd === undefined) throw new WriteError("CannotWrite", `${this.file}: already closed`);
    try {
      work(this.fd);
    } catch (cause) {
      this.abort();
      throw asWriteError(this.file, cause);
    }
  }
}

/** Writes text (UTF-8), bytes, or chunks that are produced one after the other. @throws WriteError CannotWrite */
export function writeFileAtomic(file: string, content: string | Uint8Array | Iterable<Uint8Array>): void {
  const chunks =
    typeof content === "string" ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
  const out = new AtomicFile(file);
  try {
    for (const chunk of chunks) out.write(chunk);
    out.commit();
  } catch (e) {
    out.abort();
    throw e;
  }
}

/** Writes a file piece by piece, asynchronously: `write` fills the temporary file, which takes the name when it returns. */
export async function writeAtomic(file: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  let temporary: string | undefined;
  let handle: FileHandle | undefined;
  try {
    const { target, temporary: name } = names(file);
    temporary = name;
    makeFolder(dirname(target));
    handle = await open(temporary, "wx");
    await write(handle);
    await handle.sync();
    await handle.close();
    await rename(temporary, target);
    syncFolder(dirname(target));
  } catch (error) {
    await handle?.close().catch(() => {});
    if (temporary) await rm(temporary, { force: true }).catch(() => {});
    throw asWriteError(file, error);
  }
}

/** Where the bytes go first. Random, so that two writers of one file do not mix: the later one wins whole. */
function names(file: string): { target: string; temporary: string } {
  // a link keeps pointing to its file
  const target = existsSync(file) ? realpathSync(file) : file;
  return { target, temporary: temporaryName(target) };
}

/** The rename itself must reach the disk; not every system can flush a folder. */
function syncFolder(folder: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(folder, "r");
    fsyncSync(fd);
  } catch {
    // the file's bytes are flushed already
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
