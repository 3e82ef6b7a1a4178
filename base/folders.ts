/**
 * @file Folders that are made step by step. Node's recursive mkdir never ends, deaf to every signal, where a parent is
 * there but takes no folders and says that it is not (/proc, some network and virtual drives).
 */
import { mkdirSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { WriteError } from "./errors.js";
import { asWriteError, isSystemError } from "./system-error.js";

/**
 * Makes a folder, and those above it that are missing. One that is there is left alone.
 * @param mode permissions of what is made, where the system has them; default what the umask leaves
 * @throws WriteError CannotWrite naming the step that cannot be made
 */
export function makeFolder(folder: string, mode?: number): void {
  const missing: string[] = [];
  let at = resolve(folder);
  while (!isFolder(at)) {
    missing.push(at);
    const above = dirname(at);
    if (above === at) throw new WriteError("CannotWrite", `${folder}: cannot be made: there is no drive ${at}`);
    at = above;
  }
  for (const step of missing.reverse()) {
    try {
      mkdirSync(step, { mode });
    } catch (cause) {
      // Another process may have made it meanwhile.
      if (isSystemError(cause) && cause.code === "EEXIST" && isFolder(step)) continue;
      // Everything above the step is there, so "no such file" is the file system's way to refuse.
      if (isSystemError(cause) && cause.code === "ENOENT")
        throw new WriteError("CannotWrite", `${step}: cannot be made: the file system takes no folder there`, {
          cause,
        });
      throw asWriteError(step, cause);
    }
  }
}

/** Whether a folder is there, links followed. @throws WriteError when something else is there, or nobody may look */
function isFolder(path: string): boolean {
  let stats: Stats | undefined;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw asWriteError(path, cause);
  }
  if (stats && !stats.isDirectory())
    throw new WriteError("CannotWrite", `${path}: cannot be made: a file of that name is there already`);
  return stats !== undefined;
}
