/**
 * @file Whether others can change what lies in a folder. What is executed must lie where only this user and root can put
 * something: checksums are compared before a library is loaded, and nobody may replace it between the two.
 * On Windows, where modes say nothing, the user's folders are taken for private.
 */
import { lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/** Whether it is a folder (no link) of this user that only this user can write to, below such folders as {@link hasPrivateParents} asks for. */
export function isPrivateFolder(folder: string): boolean {
  const me = process.getuid?.();
  if (me === undefined) return true;
  const state = lstatSync(folder, { throwIfNoEntry: false });
  if (!state?.isDirectory() || !isOnlyOurs(state, me)) return false;
  return hasPrivateParents(folder);
}

/** Whether it is a regular file (no link) of this user that only this user can write to. Its folder is another question. */
export function isPrivateFile(file: string): boolean {
  const me = process.getuid?.();
  if (me === undefined) return true;
  const state = lstatSync(file, { throwIfNoEntry: false });
  return state?.isFile() === true && isOnlyOurs(state, me);
}

/**
 * Whether a path, which need not exist, and every existing folder above it, links followed, belong to this user or root and
 * admit no other writer. A sticky folder (/tmp) lets others add names but not replace ours.
 */
export function hasPrivateParents(path: string): boolean {
  const me = process.getuid?.();
  if (me === undefined) return true;
  try {
    return chainOf(path).every((at) => {
      const state = statSync(at);
      return (state.uid === 0 || state.uid === me) && ((state.mode & STICKY) !== 0 || !admitsOthers(state, me));
    });
  } catch {
    return false;
  }
}

function isOnlyOurs({ uid, mode }: Stats, me: number): boolean {
  return uid === me && (mode & (GROUP_WRITES | OTHERS_WRITE)) === 0;
}

/** Where every user has a group of the same number, writing by the group is writing by the user. */
function admitsOthers({ gid, mode }: Stats, me: number): boolean {
  return (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && gid !== me);
}

/** Every folder above a path and the path itself, as written and as links lead; those that do not exist left out. */
function chainOf(path: string): string[] {
  const chain = new Set<string>();
  let existing: string | undefined;
  for (let at = resolve(path); ; at = dirname(at)) {
    if (lstatSync(at, { throwIfNoEntry: false })) {
      existing ??= at;
      chain.add(at);
    }
    if (at === dirname(at)) break;
  }
  for (let at = realpathSync(existing ?? "/"); ; at = dirname(at)) {
    chain.add(at);
    if (at === dirname(at)) break;
  }
  return [...chain];
}
