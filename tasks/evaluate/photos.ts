/** @file The photos an evaluation works on. */
import { access, constants, stat } from "node:fs/promises";
import { MissingDataError } from "../../base/errors.js";
import { systemPath } from "../../base/path-bytes.js";
import type { Box } from "../../data/resize.js";

/** One photo. */
export interface Photo {
  readonly path: string;
  /** The part that is looked at, in pixels of the file; null: all of it. */
  readonly box: Box | null;
}

/** What tells two versions of a photo apart without reading them. */
export interface PhotoState {
  /** −1 for a file that is not there, −2 for one that may not be read: it is tried again once it is. */
  readonly size: number;
  readonly mtimeMs: number;
}

const AT_ONCE = 64;

/** Database images as photos. */
export function wholePhotos(paths: readonly string[]): Photo[] {
  return paths.map((path) => ({ path, box: null }));
}

/**
 * Looks at every file before the long work begins.
 * @param missingIs "error", or "state": then they are left to whoever reads them
 * @param howToGet ends the message when some are missing
 * @throws MissingDataError with the number of missing files and the first of them
 */
export async function photoStates(
  photos: readonly Photo[],
  label: string,
  missingIs: "error" | "state",
  howToGet = "",
): Promise<PhotoState[]> {
  if (photos.length === 0) throw new MissingDataError("NoImages", `${label}: the list of images is empty`);
  const states: PhotoState[] = [];
  const missing: string[] = [];
  for (let begin = 0; begin < photos.length; begin += AT_ONCE) {
    const block = photos.slice(begin, begin + AT_ONCE);
    const found = await Promise.all(block.map((p) => stateOf(p.path)));
    for (const [i, state] of found.entries()) {
      states.push(state);
      if (state.size === -1) missing.push(block[i].path);
    }
  }
  if (missing.length > 0 && missingIs === "error") {
    throw new MissingDataError(
      "ImageMissing",
      `${label}: ${missing.length} of ${photos.length} images are missing, the first is ${missing[0]}${howToGet}`,
    );
  }
  return states;
}

async function stateOf(path: string): Promise<PhotoState> {
  const at = systemPath(path);
  const stats = await stat(at).catch(() => null);
  if (!stats?.isFile()) return { size: -1, mtimeMs: 0 };
  const readable = await access(at, constants.R_OK).then(
    () => true,
    () => false,
  );
  return readable ? { size: stats.size, mtimeMs: stats.mtimeMs } : { size: -2, mtimeMs: stats.mtimeMs };
}
