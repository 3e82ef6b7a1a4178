/** @file Reading index files: the whole inverted file in one versioned, checksummed file (index-layout.ts). */
import { realpathSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { FileFormatError, UsageError } from "../base/errors.js";
import { readAll, readUpTo } from "../base/file-io.js";
import { openRegularAsync } from "../base/regular-file.js";
import { parseJson } from "../formats/json.js";
import { checkCounts, checkOffsets, checkScoring } from "./index-checks.js";
import { decodeHeader, HEADER_BYTES, type Slot } from "./index-header.js";
import { type Directory, decodeDirectory, type Section, type StoredSegment, sectionsOf } from "./index-layout.js";
import { InvertedFile } from "./inverted-file.js";
import type { SegmentRef } from "./segment.js";
import { FileSegment, type OpenedFile, readSection } from "./stored-segment.js";

/** What an index file says besides the lists. */
export interface IndexNotes {
  /** `codebookHash` of the codebook the rows were made with. */
  readonly codebook: string | null;
  /** Tells which network and preprocessing made the descriptors. */
  readonly model: string | null;
  /** Name of each image by id, distractors first. */
  readonly names: readonly string[] | null;
  /** Anything else, for example the options of the extraction, or how far a build has come. */
  readonly properties: Readonly<Record<string, string | number | boolean | null>>;
}

export interface StoredIndex {
  readonly index: InvertedFile;
  readonly notes: IndexNotes;
}

export interface ReadIndexOptions {
  /** Refuse an index made with another codebook or model than these. */
  readonly expect?: { readonly codebook?: string; readonly model?: string };
  /** Segments beyond this many bytes stay on disk and are read for every search; default: all are held in memory. */
  readonly maxResidentBytes?: number;
}

/** Segments known to be in the file of that id, so that saving writes only what is new. */
export const placeOf = new WeakMap<SegmentRef, { readonly id: string; readonly stored: StoredSegment }>();

/**
 * Opens an index file.
 * @throws FileFormatError MalformedFile, Truncated, ChecksumMismatch, UnsupportedFeature (version), MissingDataError
 *   when there is no such file, UsageError (IndexMismatch) when it was made with something else than expected
 */
export async function readIndex(path: string, options: ReadIndexOptions = {}): Promise<StoredIndex> {
  const { handle, directory, file } = await openDirectory(path);
  try {
    checkExpected(directory, options, path);
    const read = (s: Section, name: string) => readSection(handle, s, path, name);
    const names = directory.names ? parseNames(await read(directory.names, "names"), path) : null;
    const { words, dim, binary, useIdf, imidOffset, imageCount, codebook, model, properties } = directory;
    const lengths = new Float64Array(words);
    const segments: FileSegment[] = [];
    let room = options.maxResidentBytes ?? Number.POSITIVE_INFINITY;
    for (const stored of directory.segments) {
      const ref = new FileSegment({ file, stored }, binary);
      placeOf.set(ref, { id: directory.id, stored });
      room -= stored.codes.bytes + stored.images.bytes + stored.offsets.bytes;
      if (room >= 0) await ref.keep();
      const offsets = ref.resident?.offsets ?? new Uint32Array(await read(stored.offsets, "offsets"));
      checkOffsets(offsets, stored, path);
      for (let w = 0; w < words; w++) lengths[w] += offsets[w + 1] - offsets[w];
      segments.push(ref);
    }
    const state = {
      ...{ words, dim, binary, useIdf, imidOffset, imageCount, segments },
      counts: new Int32Array(await read(directory.counts, "counts")),
      committedCounts: new Int32Array(await read(directory.committedCounts, "committedCounts")),
      idf: new Float32Array(await read(directory.idf, "idf")),
      norms: new Float64Array(await read(directory.norms, "norms")),
    };
    checkCounts(state, lengths, path);
    checkScoring(state, path);
    const index = InvertedFile.from(state);
    return { index, notes: { codebook, model, names, properties } };
  } finally {
    await handle.close();
  }
}

/** Checks every byte an index file uses, also those that reading can do without. @throws as `readIndex` */
export async function verifyIndex(path: string): Promise<void> {
  const { handle, directory, damaged } = await openDirectory(path);
  try {
    if (damaged)
      throw new FileFormatError(
        "ChecksumMismatch",
        path,
        "a pointer to the directory is damaged (its copy can be read: save the index to mend it)",
      );
    for (const [name, section] of sectionsOf(directory)) await readSection(handle, section, path, name);
  } finally {
    await handle.close();
  }
}

/** A file that is open for reading, with its directory. */
export interface OpenedIndex {
  readonly handle: FileHandle;
  readonly directory: Directory;
  readonly slot: Slot;
  /** A pointer in the first page is damaged; its copy stands for it. */
  readonly damaged: boolean;
  readonly size: number;
  readonly file: OpenedFile;
}

/** Opens a file and reads the directory in force; the caller closes the handle. @throws as `readIndex` */
export async function openDirectory(path: string): Promise<OpenedIndex> {
  const { handle, stats } = await openRegularAsync(path, { code: "NoIndex" });
  try {
    const { size, ino: inode } = stats;
    const page = new Uint8Array(HEADER_BYTES);
    const found = await readUpTo(handle, page, path, 0);
    const { slot, damaged } = decodeHeader(page.subarray(0, found), path);
    if (slot.at + slot.length > size)
      throw new FileFormatError(
        "Truncated",
        path,
        `the directory ends at ${slot.at + slot.length}, the file at ${size}`,
      );
    const bytes = new Uint8Array(slot.length);
    await readAll(handle, bytes, path, slot.at);
    const directory = decodeDirectory(bytes, size, path);
    return { handle, directory, slot, damaged, size, file: { path: realpathSync(path), inode } };
  } catch (e) {
    await handle.close();
    throw e;
  }
}

function checkExpected(d: Directory, { expect }: ReadIndexOptions, path: string): void {
  for (const key of ["codebook", "model"] as const)
    if (expect?.[key] !== undefined && d[key] !== null && d[key] !== expect[key])
      throw new UsageError(
        "IndexMismatch",
        `${path}: the index was built with another ${key} — expected ${expect[key]}, got ${d[key]}; build it anew or name the ${key} it was built with`,
      );
}

function parseNames(bytes: ArrayBuffer, path: string): string[] {
  const names = parseJson(new Uint8Array(bytes), path, "the list of names");
  if (Array.isArray(names) && names.every((n) => typeof n === "string")) return names;
  throw new FileFormatError("MalformedFile", path, "names are not a JSON list of texts");
}
