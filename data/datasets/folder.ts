/** @file Image files in a folder, and what lies there that is not read. */
import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { MissingDataError } from "../../base/errors.js";
import { decodeName, systemPath } from "../../base/path-bytes.js";
import { kindOfPath, oddKind, readHead } from "../../base/regular-file.js";
import { otherKind, otherKindOfExtension } from "../image/other-kinds.js";
import { sniffImage } from "../image/sniff.js";
import { imageExtensions } from "./photo-names.js";

/** What a folder holds. */
export interface FolderScan {
  /** Images, relative to the folder with "/", sorted by code unit (the same order on every machine). */
  readonly names: string[];
  /** One line on photos and links that are not used; none when there are none. */
  readonly warnings: readonly string[];
  /** One line on files that are no photos at all. */
  readonly notes: readonly string[];
}

/** Whether the path is a folder, or a link to one. */
export function isFolder(path: string): boolean {
  return kindOfPath(path) === "folder";
}

/** The names of {@link scanFolder}. @throws MissingDataError when the folder is not there or holds no image */
export function listImages(folder: string): string[] {
  return scanFolder(folder).names;
}

/**
 * Looks for images below a folder. Files count by extension, and those without one by content. Links are followed, each
 * folder once, so that links in a circle end. Hidden files and folders are passed over without a word, all else is told.
 * @throws MissingDataError when the folder is not there or holds no image
 */
export function scanFolder(folder: string): FolderScan {
  if (!isFolder(folder)) throw new MissingDataError("ImagesMissing", `${folder}: no such folder of images`);
  const names: string[] = [];
  const passed = new PassedOver();
  // A link to a folder that holds this one would lead back here.
  const seen = new Set<string>();
  const real = decodeName(realpathSync(systemPath(folder), "buffer"));
  for (let at = dirname(real), below = real; at !== below; below = at, at = dirname(at)) isNew(at, seen);
  const linked: string[] = [];
  const walk = (below: string) => {
    const at = join(folder, below);
    const entries = entriesOf(at);
    if (!entries || !isNew(at, seen)) return passed.add(entries ? "again" : "closed", at);
    for (const entry of entries) {
      const file = decodeName(entry.name);
      if (file.startsWith(".")) continue;
      const name = below ? `${below}/${file}` : file;
      const stats = statOf(join(folder, name));
      if (!stats) passed.add(entry.isSymbolicLink() ? "dangling" : "closed", join(folder, name));
      else if (stats.isDirectory() && entry.isSymbolicLink()) linked.push(name);
      else if (stats.isDirectory()) walk(name);
      else if (isImage(join(folder, name), stats, passed)) names.push(name);
    }
  };
  walk("");
  // Folders are listed under their own names first: a link to one of them adds nothing.
  for (let next = linked.shift(); next !== undefined; next = linked.shift()) walk(next);
  const { warnings, notes } = passed.lines(folder);
  if (names.length === 0) {
    const why = [...warnings, ...notes].map((line) => line.slice(folder.length + 2)).join("; ");
    throw new MissingDataError("ImagesMissing", `${folder}: no images in this folder${why && `; ${why}`}`);
  }
  return { names: names.sort((a, b) => (a < b ? -1 : 1)), warnings, notes };
}

function entriesOf(path: string): Dirent<Buffer>[] | undefined {
  try {
    return readdirSync(systemPath(path), { withFileTypes: true, encoding: "buffer" });
  } catch {
    return undefined;
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(systemPath(path));
  } catch {
    return undefined;
  }
}

function isNew(path: string, seen: Set<string>): boolean {
  const { dev, ino } = statSync(systemPath(path), { bigint: true });
  return seen.size < seen.add(`${dev} ${ino}`).size;
}

/** Whether a file is an image that is read; tells `passed` when not. */
function isImage(path: string, stats: Stats, passed: PassedOver): boolean {
  const odd = oddKind(stats);
  if (odd) {
    passed.add(odd, path);
    return false;
  }
  const extension = extname(path).toLowerCase();
  if (imageExtensions.has(extension)) return true;
  let head: Uint8Array;
  try {
    head = readHead(path, 256);
  } catch {
    passed.add("closed", path);
    return false;
  }
  const format = sniffImage(head);
  // A camera's raw file begins like a TIFF.
  const named = otherKindOfExtension(extension.slice(1));
  if (format && extension === "") return true;
  if (format && !(named && format === "tiff"))
    passed.add("misnamed", path, `${format.toUpperCase()} named ${extension}`);
  else if (named ?? otherKind(head)) passed.add("unread", path, named ?? (otherKind(head) as string));
  else passed.add("other", path, extension || "no ending");
  return false;
}

/** What is told of each reason: of one, of several. */
const reasons: Readonly<Record<string, readonly [one: string, several: string]>> = {
  unread: ["file of a kind that is not read", "files of kinds that are not read"],
  misnamed: ["photo whose name ends otherwise; rename it", "photos whose names end otherwise; rename them"],
  dangling: ["link that leads nowhere or around in a circle", "links that lead nowhere or around in a circle"],
  again: [
    "link to a folder that is listed already or holds this one",
    "links to folders that are listed already or hold this one",
  ],
  closed: ["file or folder that cannot be opened", "files or folders that cannot be opened"],
};

/** Counts by reason, with the first path of each and the kinds. */
class PassedOver {
  private readonly found = new Map<string, { first: string; count: number; kinds: Map<string, number> }>();

  add(reason: string, path: string, kind?: string): void {
    const entry = this.found.get(reason) ?? { first: path, count: 0, kinds: new Map<string, number>() };
    this.found.set(reason, entry);
    entry.count++;
    if (kind) entry.kinds.set(kind, (entry.kinds.get(kind) ?? 0) + 1);
  }

  lines(folder: string): { warnings: string[]; notes: string[] } {
    const parts: string[] = [];
    for (const [reason, { first, count, kinds }] of this.found) {
      if (reason === "other") continue;
      const plain = reason.replace(/^an? /, "");
      const [one, several] = reasons[reason] ?? [plain, `${plain}s`];
      const list = [...kinds].map(([kind, n]) => `${n} ${kind}`);
      const which =
        list.length > 0 ? `${list.join(", ")}; the first is ${first}` : count > 1 ? `the first is ${first}` : first;
      parts.push(`${count} ${count === 1 ? one : several} (${which})`);
    }
    const other = this.found.get("other");
    const kinds = [...(other?.kinds.keys() ?? [])].slice(0, 5).join(", ");
    return {
      warnings: parts.length > 0 ? [`${folder}: passed over: ${parts.join("; ")}`] : [],
      notes: other
        ? [
            `${folder}: ${other.count} other ${other.count === 1 ? "file is no photo" : "files are no photos"} (${kinds})`,
          ]
        : [],
    };
  }
}
