/** @file Room on the disk, asked before it is filled. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { WriteError } from "../../base/errors.js";

/** Left free, so that the rest of the system goes on. */
const RESERVE = 64 * 2 ** 20;

/** Bytes that may be written to the disk of a file's folder; infinite where the system does not say. */
export function freeBytes(file: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return Math.max(0, bavail * bsize - RESERVE);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** @throws WriteError when a file of so many more bytes has no room */
export function requireSpace(file: string, bytes: number): void {
  const free = freeBytes(file);
  if (bytes <= free) return;
  throw new WriteError(
    "CannotWrite",
    `${file}: cannot be written: ${gib(bytes)} are to come and the disk has ${gib(free)} left; make space, then run the same command again`,
  );
}

function gib(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
