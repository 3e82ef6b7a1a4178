/** @file Index files of either form: ours and the reference's. Told apart by content when read, by name when written. */
import { readHead } from "../base/regular-file.js";
import { readFileBytes } from "../formats/source.js";
import { type IndexNotes, type ReadIndexOptions, readIndex, type StoredIndex } from "./index-file.js";
import { isIndexHeader } from "./index-header.js";
import { saveIndex } from "./index-save.js";
import type { InvertedFile } from "./inverted-file.js";
import { readReferenceIndex } from "./reference-index-file.js";
import { writeReferenceIndex } from "./reference-index-write.js";

/** What is not known about an index of the reference. */
const NO_NOTES: IndexNotes = { codebook: null, model: null, names: null, properties: {} };

export interface OpenIndexOptions extends ReadIndexOptions {
  /** Dimension of the descriptors, which the reference's files do not tell. */
  readonly dim?: number;
}

/** Opens an index of either form. @throws as `readIndex` and `readReferenceIndex` */
export async function openIndex(path: string, options: OpenIndexOptions = {}): Promise<StoredIndex> {
  if (isIndexHeader(firstBytes(path))) return readIndex(path, options);
  return { index: readReferenceIndex(readFileBytes(path), path, options.dim), notes: NO_NOTES };
}

/** Saves an index: `.pkl` in the reference's form, which has no place for the notes, anything else in ours. */
export function storeIndex(path: string, index: InvertedFile, notes: IndexNotes): Promise<void> {
  return path.endsWith(".pkl") ? writeReferenceIndex(path, index) : saveIndex(path, index, notes);
}

function firstBytes(path: string): Uint8Array {
  return readHead(path, 8, { code: "NoIndex" });
}
