/**
 * @file Zip archives as torch writes them (stored, also above 4 GiB) and as others re-pack them (deflated). Everything the
 * central directory claims is checked against the file, and every record against its CRC, before it is used.
 */
import { inflateRawSync } from "node:zlib";
import { type FileFailure, FileFormatError } from "../base/errors.js";
import { crc32 } from "../base/hash.js";
import { Budget } from "./budget.js";
import { type ByteSource, memorySource } from "./source.js";

interface Entry {
  name: string;
  deflated: boolean;
  crc: number;
  packedSize: number;
  size: number;
  headerAt: number;
  dataAt: number;
}

const endSize = 22;
const unset32 = 0xffffffff;
/** Deflate cannot shrink more than this; a record that claims more is a bomb. */
const maxDeflateRatio = 1032;
const crcChunk = 1 << 20;

/** An open archive whose directory, headers and checksums are all sound. */
export class ZipArchive {
  /** Inflated records that were asked for. */
  private readonly inflated = new Map<string, ByteSource>();

  private constructor(
    private readonly source: ByteSource,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** @throws FileFormatError Truncated, MalformedFile, ChecksumMismatch or UnsupportedFeature (encryption, other methods) */
  static open(source: ByteSource): ZipArchive {
    const entries = readDirectory(source);
    for (const entry of entries) entry.dataAt = locate(source, entry);
    refuseOverlaps(source, entries);
    const archive = new ZipArchive(source, new Map(entries.map((e) => [e.name, e])));
    if (archive.entries.size !== entries.length) throw fail(source, "MalformedFile", "two records of one name");
    // inflated records are held, and what is read of them is a copy: twice this is what they take
    const budget = new Budget(source.file, source.size, "MalformedFile", { free: 2 ** 25, times: 2 });
    for (const { name, size } of entries.filter((e) => e.deflated)) budget.take(size, `record ${name}, inflated,`);
    for (const entry of entries) archive.verify(entry);
    return archive;
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** Uncompressed bytes of a record. */
  sizeOf(name: string): number {
    return this.entry(name).size;
  }

  /** A record for random access; only a deflated one is held in memory. */
  record(name: string): ByteSource {
    const entry = this.entry(name);
    const { file } = this.source;
    if (entry.deflated) {
      const known = this.inflated.get(name) ?? memorySource(this.inflate(entry), file);
      this.inflated.set(name, known);
      return known;
    }
    const read = (begin: number, length: number) => {
      if (begin + length > entry.size) throw fail(this.source, "StorageOutOfBounds", `record ${name} is too short`);
      return this.source.read(entry.dataAt + begin, length);
    };
    return { file, size: entry.size, read };
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw fail(this.source, "MissingRecord", `the archive has no record ${name}`);
    return entry;
  }

  private inflate(entry: Entry): Uint8Array {
    const packed = this.source.read(entry.dataAt, entry.packedSize);
    let bytes: Uint8Array;
    try {
      // one chunk for all of it: several would be joined by a copy
      const chunkSize = Math.max(64, Math.min(entry.size + 1, 2 ** 30));
      bytes = inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size), chunkSize });
    } catch (cause) {
      throw fail(this.source, "ChecksumMismatch", `record ${entry.name} cannot be decompressed`, cause);
    }
    if (bytes.length !== entry.size)
      throw fail(this.source, "ChecksumMismatch", `record ${entry.name}: ${bytes.length} bytes for ${entry.size}`);
    return bytes;
  }

  private verify(entry: Entry): void {
    let crc = 0;
    if (entry.deflated) crc = crc32(this.inflate(entry));
    else
      for (let at = 0; at < entry.size; at += crcChunk)
        crc = crc32(this.source.read(entry.dataAt + at, Math.min(crcChunk, entry.size - at)), crc);
    if (crc !== entry.crc)
      throw fail(
        this.source,
        "ChecksumMismatch",
        `record ${entry.name}: CRC-32 ${hex(crc)} for ${hex(entry.crc)}; the file is damaged, get it again`,
      );
  }
}

/** True when the bytes begin like a zip archive. */
export function looksLikeZip(head: Uint8Array): boolean {
  return head.length >= 4 && head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/** Whether the file ends with a zip directory, whatever it begins with. */
export function hasZipEnd(source: ByteSource): boolean {
  return findEnd(source) !== undefined;
}

const hex = (n: number) => n.toString(16).padStart(8, "0");

function fail(source: ByteSource, kind: FileFailure, detail: string, cause?: unknown): FileFormatError {
  return new FileFormatError(kind, source.file, detail, { cause });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Position of the end record: its signature, and a comment that ends with the file. */
function findEnd(source: ByteSource): number | undefined {
  const length = Math.min(source.size, endSize + 0xffff);
  const view = viewOf(source.read(source.size - length, length));
  for (let at = length - endSize; at >= 0; at--)
    if (view.getUint32(at, true) === 0x06054b50 && at + endSize + view.getUint16(at + 20, true) === length)
      return source.size - length + at;
  return undefined;
}

/** Number of entries, and the place of the central directory. */
function readEnd(source: ByteSource): { count: number; begin: number; size: number; at: number } {
  const at = findEnd(source);
  if (at === undefined)
    throw fail(source, "Truncated", "a zip archive without its directory: the end of the file is missing");
  const end = viewOf(source.read(at, endSize));
  const classic = { count: end.getUint16(10, true), begin: end.getUint32(16, true), size: end.getUint32(12, true), at };
  // torch writes the zip64 records always, needed or not
  const locator = at >= 20 ? viewOf(source.read(at - 20, 20)) : undefined;
  if (locator?.getUint32(0, true) !== 0x07064b50) return classic;
  const at64 = Number(locator.getBigUint64(8, true));
  if (at64 + 56 > at - 20) throw fail(source, "Truncated", "bytes are missing before the end of the archive");
  const end64 = viewOf(source.read(at64, 56));
  if (end64.getUint32(0, true) !== 0x06064b50)
    throw fail(source, "MalformedFile", "no zip64 directory where announced");
  const number = (offset: number) => Number(end64.getBigUint64(offset, true));
  const wide = { count: number(32), begin: number(48), size: number(40), at: at64 };
  const agrees =
    (classic.count === wide.count || classic.count === 0xffff) &&
    (classic.begin === wide.begin || classic.begin === unset32) &&
    (classic.size === wide.size || classic.size === unset32);
  if (!agrees) throw fail(source, "MalformedFile", "the two directories of the archive contradict each other");
  return wide;
}

function readDirectory(source: ByteSource): Entry[] {
  const { count, begin, size, at } = readEnd(source);
  if (begin + size > at)
    throw fail(
      source,
      "Truncated",
      `the directory lies ${begin + size - at} bytes too early: bytes are missing before it`,
    );
  if (begin + size < at) throw fail(source, "MalformedFile", "unexpected bytes around the directory");
  const bytes = source.read(begin, size);
  const view = viewOf(bytes);
  const entries: Entry[] = [];
  let p = 0;
  while (p < size) {
    if (size - p < 46 || view.getUint32(p, true) !== 0x02014b50)
      throw fail(source, "MalformedFile", "damaged directory");
    const flags = view.getUint16(p + 8, true);
    const method = view.getUint16(p + 10, true);
    const nameEnd = p + 46 + view.getUint16(p + 28, true);
    const extraEnd = nameEnd + view.getUint16(p + 30, true);
    const next = extraEnd + view.getUint16(p + 32, true);
    if (next > size) throw fail(source, "MalformedFile", "damaged directory");
    const name = Buffer.from(bytes.subarray(p + 46, nameEnd)).toString("utf8");
    if (flags & 1 || (method !== 0 && method !== 8))
      throw fail(source, "UnsupportedFeature", `record ${name} is encrypted or packed by method ${method}`);
    const entry = {
      name,
      deflated: method === 8,
      crc: view.getUint32(p + 16, true),
      packedSize: view.getUint32(p + 20, true),
      size: view.getUint32(p + 24, true),
      headerAt: view.getUint32(p + 42, true),
      dataAt: 0,
    };
    widen(entry, viewOf(bytes.subarray(nameEnd, extraEnd)));
    const packable = entry.deflated ? entry.packedSize * maxDeflateRatio + 64 : entry.packedSize;
    if (entry.deflated ? entry.size > packable : entry.size !== packable)
      throw fail(source, "MalformedFile", `record ${name}: ${entry.size} bytes in ${entry.packedSize}`);
    if (entry.headerAt + 30 + entry.packedSize > begin)
      throw fail(source, "MalformedFile", `record ${name} lies outside the file`);
    entries.push(entry);
    p = next;
  }
  if (entries.length !== count)
    throw fail(source, "MalformedFile", `the directory lists ${entries.length} records and announces ${count}`);
  return entries;
}

/** Sizes that do not fit 32 bits stand in the zip64 extra field, in this order. */
function widen(entry: Entry, extra: DataView): void {
  for (let p = 0; p + 4 <= extra.byteLength; ) {
    const end = p + 4 + extra.getUint16(p + 2, true);
    if (extra.getUint16(p, true) === 1) {
      let at = p + 4;
      const take = (value: number) => {
        if (value !== unset32 || at + 8 > Math.min(end, extra.byteLength)) return value;
        at += 8;
        return Number(extra.getBigUint64(at - 8, true));
      };
      entry.size = take(entry.size);
      entry.packedSize = take(entry.packedSize);
      entry.headerAt = take(entry.headerAt);
    }
    p = end;
  }
}

/** Where a record's bytes begin, from its local header, which must agree with the directory. */
function locate(source: ByteSource, entry: Entry): number {
  const nameBytes = Buffer.from(entry.name);
  const header = source.read(entry.headerAt, 30);
  const view = viewOf(header);
  const nameLength = view.getUint16(26, true);
  const agrees =
    view.getUint32(0, true) === 0x04034b50 &&
    view.getUint16(8, true) === (entry.deflated ? 8 : 0) &&
    nameLength === nameBytes.length &&
    nameBytes.equals(source.read(entry.headerAt + 30, nameLength));
  if (!agrees) throw fail(source, "MalformedFile", `record ${entry.name} is not where the directory says`);
  return entry.headerAt + 30 + nameLength + view.getUint16(28, true);
}

/** Overlapping records would let a small file claim any amount of data. */
function refuseOverlaps(source: ByteSource, entries: readonly Entry[]): void {
  const { begin } = readEnd(source);
  const sorted = [...entries].sort((a, b) => a.headerAt - b.headerAt);
  for (const [i, entry] of sorted.entries()) {
    const limit = i + 1 < sorted.length ? sorted[i + 1].headerAt : begin;
    if (entry.dataAt + entry.packedSize > limit)
      throw fail(source, "MalformedFile", `record ${entry.name} runs into what follows it`);
  }
}
