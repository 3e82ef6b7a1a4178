/**
 * @file Locks of the operating system on open files. One ends when it is released, when its file is closed, or with its
 * process, however that ends; so it tells what lives from what was killed, on every machine and in every container that
 * shares the file.
 *
 * On Linux it is the open file description that is locked (F_OFD_SETLK; on NFS by the server, unless it is mounted with
 * `nolock` or `local_lock`), on macOS the file (flock), on Windows a byte far beyond its content, which others may so read.
 */
import { fstatSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { packageRoot } from "./paths.js";

/** macOS locks whole files only; Windows keeps others from reading what is locked. */
const RANGE: [offset: number, length: number] = process.platform === "win32" ? [2 ** 30, 1] : [0, 0];

interface NativeLocks {
  /** False when another open file holds it; throws a system error where the file system has no locks. */
  tryLock(fd: number, offset: number, length: number): boolean;
}

let native: NativeLocks | null | undefined;

/**
 * Locks an open file without waiting. The file must have been opened for writing, and is known by its open descriptor: a
 * second one of the same process is another holder.
 */
export function tryLock(fd: number): "taken" | "busy" | "no locks here" {
  // Loaded here and not imported, so that a program bundled without it runs, without locks.
  if (native === undefined) {
    try {
      native = createRequire(join(packageRoot(), "package.json"))("fs-native-extensions") as NativeLocks;
    } catch {
      native = null;
    }
  }
  try {
    if (native) return native.tryLock(fd, ...RANGE) ? "taken" : "busy";
  } catch {
    // ENOSYS, ENOLCK, EOPNOTSUPP, EINVAL: each kernel and file system has its own way to say no
  }
  return "no locks here";
}

/** True when the name still leads to the open file: whoever locked a file without a name has locked nothing. */
export function leadsTo(file: string, fd: number): boolean {
  const [named, opened] = [statSync(file, { bigint: true, throwIfNoEntry: false }), fstatSync(fd, { bigint: true })];
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
}
