/**
 * @file What the operating system refuses, in words: one line that says what, where and how to mend it, and the class
 * that decides the exit code. What cannot be written is a WriteError (7), what cannot be read a MissingDataError (4).
 */
import { FireGpuError, MissingDataError, WriteError } from "./errors.js";

/** Reasons that are the same for reading and writing. */
const common: Readonly<Record<string, string>> = {
  ELOOP: "a link that leads around in a circle",
  ENAMETOOLONG: "the name is too long for this file system (most take 255 bytes a name, 4096 a path)",
  EMFILE: "too many files are open; raise the limit (ulimit -n)",
  ENFILE: "the system has too many files open",
  EIO: "the disk or the network drive reports an error (EIO)",
  ESTALE: "the network drive has lost the file (ESTALE); run the same command again",
  ETIMEDOUT: "the network drive does not answer",
  ENOTCONN: "the drive is not connected any more",
  ENODEV: "the drive is not there any more",
};

const reading: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file: a part of the path is no folder",
  EACCES: "no permission to read it",
  EPERM: "no permission to read it",
  EISDIR: "expected a file, got a folder",
  // A socket cannot be opened at all.
  ENXIO: "expected a regular file, got a socket or a device",
};

const writing: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; make space, then run the same command again",
  EDQUOT: "your share of the disk is used up (quota); make space, then run the same command again",
  EFBIG: "the file would be larger than the file system or ulimit -f allows",
  EACCES: "no permission to write there; choose another place or change its permissions",
  EPERM: "the system does not permit it (a file that must not change, or another owner's); choose another place",
  EROFS: "the file system is read-only; choose another place",
  ENOENT: "its folder is not there and cannot be made",
  ENOTDIR: "a part of the path is a file where a folder is needed",
  EISDIR: "a folder has that name; choose another name",
  EEXIST: "there is a file of that name already",
  ENOTEMPTY: "the folder is not empty",
  EBUSY: "it is in use by another program",
  ETXTBSY: "it is a program that is running",
  ENXIO: "a FIFO without a reader, a socket or a device has that name; choose another name",
  EINVAL: "the file system does not take such a name or operation; choose another name or place",
  EILSEQ: "the file system does not take the characters of the name; choose another name",
  ENOSYS: "the file system cannot do this; choose another place",
  ENOTSUP: "the file system cannot do this; choose another place",
  EOPNOTSUPP: "the file system cannot do this; choose another place",
};

/** System calls that change something; of others only the code tells. */
const CHANGES =
  /^(p?write|writev|mkdir|mkdtemp|rename|unlink|rm|rmdir|link|symlink|f?truncate|f(data)?sync|copyfile|f?chmod|f?chown|utime|futime)$/;
/** Codes that only writing raises. */
const ONLY_WRITING = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "ETXTBSY", "ENOTEMPTY", "EEXIST"]);

/** True for what the operating system raised, not this program. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && !(error instanceof FireGpuError) && "syscall" in error && "code" in error;
}

/** "the disk is full; …" */
export function reasonFor(error: NodeJS.ErrnoException, doing: "read" | "write"): string {
  const code = error.code ?? "";
  const known = (doing === "read" ? reading : writing)[code] ?? common[code];
  return known ?? `the system says ${error.message}`;
}

/**
 * The error to throw when writing to `file` failed: a system error becomes one line, anything else stays what it is.
 * @returns WriteError (exit code 7) for system errors
 */
export function asWriteError(file: string, cause: unknown): unknown {
  if (!isSystemError(cause)) return cause;
  return new WriteError("CannotWrite", `${file}: cannot be written: ${reasonFor(cause, "write")}`, { cause });
}

/** The same for reading. @returns MissingDataError (exit code 4) for system errors */
export function asReadError(file: string, cause: unknown, code = "MissingFile"): unknown {
  if (!isSystemError(cause)) return cause;
  return new MissingDataError(code, `${file}: ${reasonFor(cause, "read")}`, { cause });
}

/** A system error that nobody caught nearer to its file: the line, by what the error itself says. */
export function asNamedError(error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const { syscall = "", code = "", path } = error;
  // Sockets and processes have their own callers; only files have a path or one of these calls.
  const writes = CHANGES.test(syscall) || ONLY_WRITING.has(code);
  const reads = path !== undefined || /^(p?read|f?stat|lstat|open|scandir|opendir|realpath)$/.test(syscall);
  if (writes) return asWriteError(path ?? "a file", error);
  return reads && !syscall.startsWith("spawn") ? asReadError(path ?? "a file", error) : error;
}
