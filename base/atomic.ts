/**
 * @file Files that are either the old one or the whole new one: written under a temporary name in the same folder,
 * flushed to disk, then renamed. A failure or a kill never leaves a half-written file under the final name.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FireGpuError } from "./errors.js";

/** A file being written; `commit` gives it its name, `abort` leaves no trace of it. */
export class AtomicFile {
  private readonly target: string;
  private readonly temporary: string;
  private fd: number | undefined;
  /** Bytes written so far. */
  size = 0;

  /** Creates missing folders. @throws FireGpuError CannotWrite */
  constructor(readonly file: string) {
    ({ target: this.target, temporary: this.temporary } = names(file));
    try {
      mkdirSync(dirname(this.target), { recursive: true });
      this.fd = openSync(this.temporary, "wx");
    } catch (cause) {
      throw cannotWrite(file, cause);
    }
  }

  /** Appends bytes. On failure the temporary file is removed. */
  write(bytes: Uint8Array): void {
    this.attempt((fd) => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30));
    });
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

  /** Removes the temporary file; harmless after commit. */
  abort(): void {
    const fd = this.fd;
    this.fd = undefined;
    if (fd !== undefined) closeSync(fd);
    rmSync(this.temporary, { force: true });
  }

  private attempt(work: (fd: number) => void): void {
    if (this.fd === undefined) throw new FireGpuError("CannotWrite", `${this.file}: already closed`);
    try {
      work(this.fd);
    } catch (cause) {
      this.abort();
      throw cannotWrite(this.file, cause);
    }
  }
}

/** Writes text (UTF-8), bytes, or chunks that are produced one after the other. @throws FireGpuError CannotWrite */
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
  const { target, temporary } = names(file);
  let handle: FileHandle | undefined;
  try {
    await mkdir(dirname(target), { recursive: true });
    handle = await open(temporary, "wx");
    await write(handle);
    await handle.sync();
    await handle.close();
    await rename(temporary, target);
    syncFolder(dirname(target));
  } catch (error) {
    await handle?.close().catch(() => {});
    await rm(temporary, { force: true });
    throw isSystemError(error) ? cannotWrite(file, error) : error;
  }
}

/** Where the bytes go first. Random, so that two writers of one file do not mix: the later one wins whole. */
function names(file: string): { target: string; temporary: string } {
  // a link keeps pointing to its file
  const target = existsSync(file) ? realpathSync(file) : file;
  const unique = `${process.pid}.${randomBytes(4).toString("hex")}`;
  return { target, temporary: join(dirname(target), `.${basename(target)}.${unique}.tmp`) };
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

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function cannotWrite(file: string, cause: unknown): FireGpuError {
  return new FireGpuError("CannotWrite", `${file}: cannot be written (${(cause as Error).message})`, { cause });
}
