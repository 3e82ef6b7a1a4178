/**
 * @file Temporary files of writers, and what killed ones leave behind. A writer holds a lock of the system on its temporary
 * file until that has its name or is gone, so one that nobody has locked has lost its writer, wherever that ran. Only names
 * that this program gives to temporary files of the very same target are looked at, and never those of others.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isTemporaryOf, temporaryName } from "./file-names.js";
import { leadsTo, tryLock } from "./os-lock.js";

/** Only regular files are opened, and without waiting. Windows lacks the last two. */
const FLAGS = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Another writer may take a new file for a leftover, in the moment before it is locked. */
const ATTEMPTS = 20;

/** Makes and locks a temporary file beside its target. @throws system errors */
export function openTemporary(target: string): { readonly temporary: string; readonly fd: number } {
  for (let attempt = 1; ; attempt++) {
    const temporary = temporaryName(target);
    const fd = openSync(temporary, "wx");
    if (attempt === ATTEMPTS || (tryLock(fd) !== "busy" && leadsTo(temporary, fd))) return { temporary, fd };
    closeSync(fd);
  }
}

/** Names of temporary files by folder, as they were when this process first wrote there: a folder may be large. */
const found = new Map<string, string[]>();

/** Removes the temporary files of `target` whose writers are gone. Where the file system has no locks, none are. */
export function removeLeftovers(target: string): void {
  const folder = dirname(target);
  let names = found.get(folder);
  if (!names) {
    names = temporariesIn(folder);
    found.set(folder, names);
  }
  for (const name of names.filter((n) => isTemporaryOf(basename(target), n))) {
    names.splice(names.indexOf(name), 1);
    removeUnlocked(join(folder, name));
  }
}

function temporariesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(".") && name.endsWith(".tmp"));
  } catch {
    // a folder that may be written but not listed
    return [];
  }
}

function removeUnlocked(file: string): void {
  try {
    const fd = openSync(file, FLAGS);
    try {
      if (fstatSync(fd).isFile() && tryLock(fd) === "taken" && leadsTo(file, fd) && isUnused(file)) rmSync(file);
    } finally {
      closeSync(fd);
    }
  } catch {
    // gone meanwhile, or not ours to open
  }
}

/** On Windows a file loses its lock a moment before it is renamed: there the writer must be gone as well. */
function isUnused(file: string): boolean {
  if (process.platform !== "win32") return true;
  const pid = Number(/\.(\d+)\.[0-9a-f]{8}\.tmp$/.exec(file)?.[1]);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
