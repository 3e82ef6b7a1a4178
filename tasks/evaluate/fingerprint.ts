/** @file What a cached result depends on, hashed; and in words, when two differ. */
import { createHash } from "node:crypto";
import type { Photo, PhotoState } from "./photos.js";

/** Named ingredients of a cached result; values are plain data. */
export type Ingredients = Readonly<Record<string, unknown>>;

/** sha256 over the ingredients in the order of their names. */
export function fingerprint(ingredients: Ingredients): Buffer {
  const sorted = Object.entries(ingredients).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest();
}

/** Short name of a fingerprint for folders and files. */
export function shortName(print: Buffer): string {
  return print.toString("hex").slice(0, 16);
}

/** Hash of a list of photos: paths, boxes, sizes and times of change, in order. */
export function photosHash(photos: readonly Photo[], states: readonly PhotoState[]): string {
  const hash = createHash("sha256");
  for (const [i, { path, box }] of photos.entries()) {
    hash.update(JSON.stringify([path, box, states[i].size, states[i].mtimeMs]));
  }
  return hash.digest("hex");
}

/** Names of the ingredients that differ. */
export function differences(a: Ingredients, b: Ingredients): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
}
