/**
 * @file From names as lists and ground truths write them to photos. A name means one photo or none: a photo that is not
 * there is never replaced by another one whose name is alike.
 */
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import { MissingDataError } from "../../base/errors.js";
import { decodeName, systemPath } from "../../base/path-bytes.js";
import { kindOfPath, readHead } from "../../base/regular-file.js";
import { sniffImage } from "../image/sniff.js";

/** Endings of photos, lower case; .jpg first: it is what a name without ending is expected to have. */
export const imageExtensions: ReadonlySet<string> = new Set([
  ".jpg",
  ".jpeg",
  ".png",
  ".webp",
  ".tif",
  ".tiff",
  ".jpe",
  ".jfif",
]);

const isFile = (path: string) => kindOfPath(path) === "file";

/** A folder that names may count from. */
export interface NameBase {
  readonly folder: string;
  /** Only photos inside this folder are meant: the user said that they are there. */
  readonly within?: string;
}

/**
 * Paths of `names`, all of which count from one of `bases`: from the one where most of them are found. Names without one
 * of {@link imageExtensions} may leave theirs out. A name that fits no file gets the path where its photo is expected, and
 * is found missing when files are checked.
 * @throws MissingDataError when a name fits two photos
 */
export function resolveNames(names: readonly string[], bases: readonly (string | NameBase)[]): string[] {
  const listing = new Listing();
  const tries = bases.map((base) => {
    const from = typeof base === "string" ? { folder: base } : base;
    const paths = names.map((name) => findPhoto(name, from, listing));
    return { ...from, paths, found: paths.filter((p) => p !== null).length };
  });
  const [best, ...rest] = tries.sort((a, b) => b.found - a.found);
  for (const other of rest.filter((t) => t.found > 0 && t.found === best.found)) {
    const differ = names.findIndex((_, i) => best.paths[i] !== other.paths[i]);
    if (differ < 0) continue;
    const [here, there] = [best, other].map((t) => t.paths[differ] ?? `nothing in ${t.folder}`);
    throw new MissingDataError(
      "AmbiguousName",
      `${names[differ]}: the name leads to ${here} and to ${there}; write names with their folders, or say where the photos are`,
    );
  }
  return names.map((name, i) => best.paths[i] ?? expectedPath(resolve(best.folder, name)));
}

/** Whether a name of these bases is exactly that of a file. */
export function isThereAsWritten(bases: readonly string[]): (name: string) => boolean {
  return (name) => bases.some((base) => isFile(resolve(base, name)));
}

function hasImageExtension(name: string): boolean {
  return imageExtensions.has(extname(name).toLowerCase());
}

/** a.jpg → a; st.paul stays, since .paul is no photo's ending. */
export function withoutImageExtension(name: string): string {
  return hasImageExtension(name) ? name.slice(0, -extname(name).length) : name;
}

function expectedPath(path: string): string {
  return hasImageExtension(path) ? path : `${path}.jpg`;
}

function findPhoto(name: string, { folder, within }: NameBase, listing: Listing): string | null {
  const path = resolve(folder, name);
  if (within && !isInside(path, within)) return null;
  if (hasImageExtension(name)) return isFile(path) ? path : null;
  const withEnding = listing.photosCalled(path).filter(isFile);
  // A file without an ending is the photo when it is one (SfM's are), or when there is nothing else.
  const plain = isFile(path) && (withEnding.length === 0 || isPhoto(path)) ? [path] : [];
  const fits = distinct([...plain, ...withEnding]);
  if (fits.length < 2) return fits[0] ?? null;
  throw new MissingDataError(
    "AmbiguousName",
    `${name}: the name fits ${fits.length} photos, ${fits.join(" and ")}; write it with its ending`,
  );
}

/** What folders hold, each read once: to ask the disk for every ending of every name would take minutes for large sets. */
class Listing {
  private readonly folders = new Map<string, Map<string, string[]>>();

  /** Paths of photos that are called so but for their ending. */
  photosCalled(path: string): string[] {
    const folder = dirname(path);
    let names = this.folders.get(folder);
    if (!names) {
      names = byStem(folder);
      this.folders.set(folder, names);
    }
    return (names.get(basename(path)) ?? []).map((name) => join(folder, name));
  }
}

/** Names of photos below their stems, by ending (.jpg first); none where the folder cannot be read. */
function byStem(folder: string): Map<string, string[]> {
  const out = new Map<string, string[]>();
  let entries: Buffer[] = [];
  try {
    entries = readdirSync(systemPath(folder), { encoding: "buffer" });
  } catch {
    // not there, or no folder
  }
  const names = entries.map(decodeName).filter(hasImageExtension);
  const order = [...imageExtensions];
  const rank = (name: string) => order.indexOf(extname(name).toLowerCase());
  for (const name of names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))) {
    const stem = withoutImageExtension(name);
    out.set(stem, [...(out.get(stem) ?? []), name]);
  }
  return out;
}

/** Without other names of the same file: some file systems take a.jpg and a.JPG for one, and links are one photo. */
function distinct(paths: readonly string[]): string[] {
  const seen = new Set<string>();
  return paths.filter((path) => {
    const { dev, ino } = statSync(systemPath(path), { bigint: true });
    return seen.size < seen.add(`${dev} ${ino}`).size;
  });
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== "" && !isAbsolute(way) && way.split(/[\\/]/)[0] !== "..";
}

function isPhoto(path: string): boolean {
  return sniffImage(readHead(path, 16)) !== null;
}
