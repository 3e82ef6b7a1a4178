/** @file A limit of photos that leaves nothing to describe. */
import type { Progress } from "./progress.js";

/** Trunks look at cells of 16 or 32 pixels: below this the whole photo is one of them. */
const LEAST = 32;

/** Warns of a limit of the longer side that is below one cell. @param where the key or option that says it */
export function warnOfSmallImages(progress: Progress, imageSize: number, where: string): void {
  if (imageSize >= LEAST) return;
  const what = `photos of at most ${imageSize} pixels have hardly one cell that a network describes`;
  progress.warn(`${where} ${imageSize}: ${what}; expected ${LEAST} or more, 1024 as published`);
}
