/**
 * @file The bytes of an index file.
 *
 *     0     the first page: what says that it is an index, and where its directory is (index-header.ts)
 *     4096  sections and directories, each at a multiple of 4096
 *
 * A directory is the sha256 of its text, then JSON: the index's properties and where its sections are, each with its own
 * sha256. Sections are raw little-endian arrays, page-aligned, so that they can be memory-mapped or uploaded as they are.
 * Extending a file appends sections and a new directory, flushes, then points the first page to it: until that write the
 * old directory is in force, so a killed program leaves the index as it was, with unused bytes at its end.
 */
import { z } from "zod";
import { FileFormatError } from "../base/errors.js";
import { sha256 } from "../base/hash.js";
import { parseJson } from "../formats/json.js";

export const ALIGNMENT = 4096;
const HASH_BYTES = 32;

/** More than any descriptor has: what is allocated for one query follows from it. */
const MAX_DIM = 1 << 20;

const size = z.int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const section = z.strictObject({ at: size, bytes: size, sha256: hash });
const segment = z.strictObject({
  firstImage: size,
  endImage: size,
  entries: size,
  offsets: section,
  images: section,
  codes: section,
});
const directory = z.strictObject({
  /** Made once for a file; tells whether a file is still the one that was read. */
  id: z.string(),
  words: z.int().min(1),
  dim: z.int().min(1).max(MAX_DIM),
  binary: z.boolean(),
  useIdf: z.boolean(),
  imidOffset: size,
  imageCount: size,
  codebook: hash.nullable(),
  model: z.string().nullable(),
  properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  counts: section,
  committedCounts: section,
  idf: section,
  norms: section,
  names: section.nullable(),
  segments: z.array(segment),
});

export type Section = z.infer<typeof section>;
export type StoredSegment = z.infer<typeof segment>;
export type Directory = z.infer<typeof directory>;

/** The next multiple of the alignment. */
export function align(at: number): number {
  return Math.ceil(at / ALIGNMENT) * ALIGNMENT;
}

/** The bytes of a directory: its hash, then its JSON. */
export function encodeDirectory(value: Directory): Uint8Array {
  const json = Buffer.from(JSON.stringify(value));
  return Buffer.concat([Buffer.from(sha256(json), "hex"), json]);
}

/** @throws FileFormatError ChecksumMismatch, MalformedFile; sections are checked against the size of the file */
export function decodeDirectory(bytes: Uint8Array, fileSize: number, file: string): Directory {
  const json = bytes.subarray(HASH_BYTES);
  if (sha256(json) !== Buffer.from(bytes.subarray(0, HASH_BYTES)).toString("hex"))
    throw new FileFormatError("ChecksumMismatch", file, "the directory does not have its recorded sha256");
  const value = parseJson(json, file, "the directory");
  const parsed = directory.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new FileFormatError("MalformedFile", file, `directory: ${issue.path.join(".")}: ${issue.message}`);
  }
  checkSections(parsed.data, fileSize, file);
  return parsed.data;
}

/** All sections a directory names, with the bytes they must have (null: any). */
export function sectionsOf(d: Directory): [name: string, section: Section, bytes: number | null][] {
  const length = d.binary ? Math.ceil(d.dim / 32) : d.dim;
  const list: [string, Section, number | null][] = [
    ["counts", d.counts, 4 * d.words],
    ["committedCounts", d.committedCounts, 4 * d.words],
    ["idf", d.idf, 4 * d.words],
    ["norms", d.norms, 8 * d.imageCount],
  ];
  if (d.names) list.push(["names", d.names, null]);
  d.segments.forEach((s, i) => {
    list.push([`segment ${i} offsets`, s.offsets, 4 * (d.words + 1)]);
    list.push([`segment ${i} images`, s.images, 4 * s.entries]);
    list.push([`segment ${i} codes`, s.codes, 4 * length * s.entries]);
  });
  return list;
}

/** Sizes are checked before anything is allocated, and no byte is counted twice: together they are what the file holds. */
function checkSections(d: Directory, fileSize: number, file: string): void {
  const fail = (detail: string) => new FileFormatError("MalformedFile", file, `directory: ${detail}`);
  const sections = sectionsOf(d);
  for (const [name, s, bytes] of sections) {
    if (bytes !== null && s.bytes !== bytes) throw fail(`${name} — expected ${bytes} bytes, got ${s.bytes}`);
    if (s.at % ALIGNMENT !== 0) throw fail(`${name} is not aligned`);
    if (s.at + s.bytes > fileSize)
      throw new FileFormatError("Truncated", file, `${name} ends at byte ${s.at + s.bytes}, the file has ${fileSize}`);
  }
  let end = 0;
  for (const [name, s] of sections.filter(([, s]) => s.bytes > 0).sort(([, a], [, b]) => a.at - b.at)) {
    if (s.at < end) throw fail(`${name} overlaps another section`);
    end = s.at + s.bytes;
  }
  if (d.imidOffset > d.imageCount) throw fail(`${d.imidOffset} distractors among ${d.imageCount} images`);
  let first = 0;
  for (const s of d.segments) {
    if (s.firstImage < first || s.endImage < s.firstImage || s.endImage > d.imageCount)
      throw fail(`segment of images ${s.firstImage} … ${s.endImage - 1} among ${d.imageCount} images`);
    first = s.endImage;
  }
}
