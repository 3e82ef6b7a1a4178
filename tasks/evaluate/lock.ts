/**
 * @file Keeps two runs from writing the same folder: a lock of the operating system on the file `lock` in it.
 *
 * The lock belongs to the open file, not to what stands in it. The system lets go of it when the process ends, however it
 * ends, so there is nothing stale to take over: a container that was killed and comes back with the same process number and
 * host name gets the folder at once, and two containers that share a volume are kept apart whatever their numbers are.
 *
 * To take: open the file, lock it without waiting, and look whether the name still leads to what was locked; if a holder
 * has removed it in between, begin again. To release: remove the name while the lock is held, then close. So whoever locks
 * a file that has lost its name begins again, and no two ever hold files of one name.
 *
 * The text in the file says who holds it; only messages depend on it.
 *
 * Where the file system knows no locks (some clusters mount Lustre so), creating `lock.held` is the lock. A killed run then
 * leaves it behind, and the message says to delete it: nobody can tell there whether its maker lives on another machine.
 */
import { closeSync, constants, ftruncateSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../base/errors.js";
import { makeFolder } from "../../base/folders.js";
import { leadsTo, tryLock } from "../../base/os-lock.js";
import { asWriteError } from "../../base/system-error.js";

/** Holders that come and go may remove the file this often while we look. */
const ATTEMPTS = 50;
/** No more of the text is read. */
const OWNER_BYTES = 300;
/** Windows lacks the last two. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Takes the folder for this process, and creates it where it is missing.
 * @returns what releases it; harmless when called again
 * @throws UsageError Locked when a living process has it; WriteError when the file cannot be made
 */
export function lockFolder(folder: string): () => void {
  makeFolder(folder);
  const file = join(folder, "lock");
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const fd = openLock(file, FLAGS);
    let keep = false;
    try {
      const got = tryLock(fd);
      if (got === "busy") throw locked(folder, file, ownerOf(fd));
      if (got === "no locks here") return lockByCreation(folder);
      keep = leadsTo(file, fd);
      if (keep) {
        writeOwner(fd);
        return releaser(file, fd);
      }
    } finally {
      if (!keep) closeSync(fd);
    }
  }
  throw new UsageError("Locked", `${folder}: other runs take and leave it all the time; wait for them to end`);
}

function releaser(file: string, fd: number): () => void {
  // Once only: the number of a closed file is soon that of another.
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    try {
      // Someone who deleted the file may have let another run in: its lock is not ours to remove.
      if (leadsTo(file, fd)) rmSync(file, { force: true });
    } catch {
      // a name that stays behind locks nothing
    }
    closeSync(fd);
  };
}

/** The lock of file systems that have none: whoever makes the file has it, until it is deleted. */
function lockByCreation(folder: string): () => void {
  const file = join(folder, "lock.held");
  let fd: number;
  try {
    fd = openSync(file, "wx+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw asWriteError(file, error);
    fd = openLock(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      throw locked(folder, file, ownerOf(fd));
    } finally {
      closeSync(fd);
    }
  }
  writeOwner(fd);
  return releaser(file, fd);
}

function openLock(file: string, flags: number): number {
  try {
    return openSync(file, flags, 0o644);
  } catch (cause) {
    throw asWriteError(file, cause);
  }
}

function writeOwner(fd: number): void {
  try {
    ftruncateSync(fd);
    writeFileSync(fd, `${process.pid} ${hostname()} ${new Date().toISOString()}\n`);
  } catch {
    // a lock without a text is as good, also on a full disk
  }
}

/** Who wrote the text of a lock, as far as it can be read. */
function ownerOf(fd: number): string {
  const bytes = Buffer.alloc(OWNER_BYTES);
  const [pid, host, since] = bytes
    .toString("utf8", 0, readSync(fd, bytes, 0, OWNER_BYTES, 0))
    .trim()
    .split(" ");
  if (!pid || !host) return "another process";
  return `process ${pid} on ${host}${since ? ` since ${since}` : ""}`;
}

function locked(folder: string, file: string, owner: string): UsageError {
  return new UsageError(
    "Locked",
    `${folder}: in use by ${owner}; wait for it or end it. If there is no such run any more, delete ${file}`,
  );
}
