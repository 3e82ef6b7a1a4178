/**
 * @file The beginning of a file that is on its way, and the note of what it is the beginning of. Both lie beside the file
 * under names that no browser or other tool uses for its own halves.
 */
import { linkSync, lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { WriteError } from "../../base/errors.js";
import { besides } from "../../base/file-names.js";
import { asWriteError, isSystemError } from "../../base/system-error.js";

/** What the bytes of a part are the beginning of. */
export interface PartNote {
  readonly url: string;
  /** The server's names of this version of the file, as it gave them. */
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly total: number | null;
}

/** Headers that tell one version of a file from another. */
export type VersionHeaders = Readonly<Partial<Record<"etag" | "last-modified", string>>>;

/** A part of `target`. */
export class PartFile {
  /** Where the bytes are. */
  readonly path: string;
  private readonly noteFile: string;

  constructor(readonly target: string) {
    const hidden = join(dirname(target), `.${basename(target)}`);
    this.path = besides(hidden, ".fire-gpu-part");
    this.noteFile = besides(hidden, ".fire-gpu-part.json");
  }

  get size(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** What the part is the beginning of; null where nobody knows. */
  note(): PartNote | null {
    try {
      const note = JSON.parse(readFileSync(this.noteFile, "utf8"));
      return typeof note.url === "string" && this.size > 0 ? note : null;
    } catch {
      return null;
    }
  }

  /** To be written before the first byte that it describes. @throws WriteError */
  writeNote(note: PartNote): void {
    try {
      writeFileSync(this.noteFile, JSON.stringify(note));
    } catch (cause) {
      throw asWriteError(this.noteFile, cause);
    }
  }

  /** Removes part and note. */
  discard(): void {
    rmSync(this.path, { force: true });
    rmSync(this.noteFile, { force: true });
  }

  /**
   * Gives the part its name, unless a file has taken it meanwhile.
   * @throws WriteError CannotWrite; the part is kept
   */
  finish(): void {
    try {
      nameWithoutReplacing(this.path, this.target);
    } catch (cause) {
      throw asWriteError(this.target, cause);
    }
    this.discard();
  }
}

/** The validator for `If-Range`: a strong ETag, else the time of change; undefined when there is neither. */
export function validatorOf({ etag, lastModified }: PartNote): string | undefined {
  if (etag && !etag.startsWith("W/")) return etag;
  return lastModified ?? undefined;
}

/** Whether an answer is of the version that the note names: what both tell must agree, and what is new is another. */
export function sameVersion(note: PartNote, headers: VersionHeaders): boolean {
  const agree = (before: string | null, now: string | undefined) => now === undefined || now === before;
  return agree(note.etag, headers.etag) && agree(note.lastModified, headers["last-modified"]);
}

/** A link cannot replace a file, as renaming would; where the file system has no links, the name is looked up before. */
function nameWithoutReplacing(from: string, to: string): void {
  try {
    linkSync(from, to);
    return;
  } catch (cause) {
    if (!isSystemError(cause) || cause.code === "ENOENT" || cause.code === "ENOSPC") throw cause;
    if (lstatSync(to, { throwIfNoEntry: false }))
      throw new WriteError(
        "CannotWrite",
        `${to}: a file of that name appeared meanwhile and is kept; the download is ${from}`,
      );
  }
  renameSync(from, to);
}
