/**
 * @file Files that are either the old one or the whole new one: written under a temporary name in the same folder,
 * flushed to disk, then renamed. A failure or a kill never leaves a half-written file under the final name. What a killed
 * writer leaves under its temporary name is removed by the next writer of the same file (base/temporary.ts).
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { WriteError } from "./errors.js";
import { writeAllSync } from "./file-io.js";
import { throughLinks } from "./file-names.js";
import { makeFolder } from "./folders.js";
import { asWriteError } from "./system-error.js";
import { openTemporary, removeLeftovers } from "./temporary.js";

/** A temporary file is locked while it is written, and must keep its lock until it has its name; Windows renames no open file. */
const RENAMES_OPEN_FILES = process.platform !== "win32";

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
      this.target = prepared(file);
      ({ temporary: this.temporary, fd: this.fd } = openTemporary(this.target));
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
      if (RENAMES_OPEN_FILES) renameSync(this.temporary, this.target);
      this.fd = undefined;
      closeSync(fd);
      if (!RENAMES_OPEN_FILES) renameSync(this.temporary, this.target);
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

/** The file that is meant, links followed, in a folder that is there and without what killed writers have left of it. */
function prepared(file: string): string {
  const target = throughLinks(file);
  makeFolder(dirname(target));
  removeLeftovers(target);
  return target;
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
