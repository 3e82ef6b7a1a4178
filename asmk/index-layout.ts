/**
 * @file The bytes of an index file.
 *
 *     0     magic "FGPUASMK", u32 version, u32 byte-order mark 0x01020304
 *     64    slot 0 ┐ each: u64 generation, u64 position and u64 length of the directory,
 *     128   slot 1 ┘       first 8 bytes of the sha256 of these 24
 *     4096  sections and directories, each at a multiple of 4096
 *
 * A directory is the sha256 of its text, then JSON: the index's properties and where its sections are, each with its own
 * sha256. Sections are raw little-endian arrays, page-aligned, so that they can be memory-mapped or uploaded as they are.
 * Extending a file appends sections and a new directory, flushes, then writes the older slot: until that write the old
 * directory is in force, so a killed program leaves the index as it was, with unused bytes at its end.
 */
import { z } from "zod";
import { FileFormatError } from "../base/errors.js";
import { sha256 } from "../base/hash.js";

const MAGIC = "FGPUASMK";
export const VERSION = 1;
const BYTE_ORDER = 0x01020304;
export const ALIGNMENT = 4096;
const SLOTS = [64, 128];
const SLOT_BYTES = 32;
const HASH_BYTES = 32;

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
  dim: z.int().min(1),
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

/** One of the two pointers to a directory. */
export interface Slot {
  readonly generation: number;
  readonly at: number;
  readonly length: number;
}

/** The next multiple of the alignment. */
export function align(at: number): number {
  return Math.ceil(at / ALIGNMENT) * ALIGNMENT;
}

/** The first page of a new file: the given slot is in force, the other one is empty. */
export function encodeHeader(slot: Slot): Uint8Array {
  const page = new Uint8Array(ALIGNMENT);
  const view = new DataView(page.buffer);
  page.set(Buffer.from(MAGIC), 0);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, BYTE_ORDER, true);
  page.set(encodeSlot(slot), slotPosition(slot.generation));
  return page;
}

/** The bytes of a slot. */
export function encodeSlot({ generation, at, length }: Slot): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(generation), true);
  view.setBigUint64(8, BigInt(at), true);
  view.setBigUint64(16, BigInt(length), true);
  bytes.set(slotCheck(bytes), 24);
  return bytes;
}

/** Where the slot of a generation is: the two take turns, so that writing one leaves the one in force alone. */
export function slotPosition(generation: number): number {
  return SLOTS[generation % 2];
}

function slotCheck(bytes: Uint8Array): Uint8Array {
  return Buffer.from(sha256(bytes.subarray(0, 24)).slice(0, 16), "hex");
}

/** True when a file begins as ours do. */
export function isIndexHeader(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 8)).toString("latin1") === MAGIC;
}

/**
 * The slot in force.
 * @param page at least the first 160 bytes of the file
 * @throws FileFormatError UnsupportedFeature for another version, MalformedFile when neither slot is good
 */
export function decodeHeader(page: Uint8Array, file: string): Slot {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  if (!isIndexHeader(page)) throw new FileFormatError("MalformedFile", file, "not an index file of fire-gpu");
  const version = view.getUint32(8, true);
  if (version !== VERSION || view.getUint32(12, true) !== BYTE_ORDER)
    throw new FileFormatError(
      "UnsupportedFeature",
      file,
      `index format version ${version} (this program reads version ${VERSION}); build the index anew or use a newer program`,
    );
  const slots = SLOTS.flatMap((position) => {
    const bytes = page.subarray(position, position + SLOT_BYTES);
    const numbers = [0, 8, 16].map((offset) => Number(view.getBigUint64(position + offset, true)));
    const good = Buffer.compare(slotCheck(bytes), bytes.subarray(24)) === 0 && numbers.every(Number.isSafeInteger);
    return good ? [{ generation: numbers[0], at: numbers[1], length: numbers[2] }] : [];
  }).sort((a, b) => b.generation - a.generation);
  if (!slots.length) throw new FileFormatError("MalformedFile", file, "both directory pointers are damaged");
  return slots[0];
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
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(json).toString("utf8"));
  } catch (cause) {
    throw new FileFormatError("MalformedFile", file, "the directory is not JSON", { cause });
  }
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

/** Sizes are checked before anything is allocated. */
function checkSections(d: Directory, fileSize: number, file: string): void {
  const fail = (detail: string) => new FileFormatError("MalformedFile", file, `directory: ${detail}`);
  for (const [name, s, bytes] of sectionsOf(d)) {
    if (bytes !== null && s.bytes !== bytes) throw fail(`${name} — expected ${bytes} bytes, got ${s.bytes}`);
    if (s.at % ALIGNMENT !== 0) throw fail(`${name} is not aligned`);
    if (s.at + s.bytes > fileSize)
      throw new FileFormatError("Truncated", file, `${name} ends at byte ${s.at + s.bytes}, the file has ${fileSize}`);
  }
  let first = 0;
  for (const s of d.segments) {
    if (s.firstImage < first || s.endImage < s.firstImage || s.endImage > d.imageCount)
      throw fail(`segment of images ${s.firstImage} … ${s.endImage - 1} among ${d.imageCount} images`);
    first = s.endImage;
  }
}
