/**
 * @file Reading tar as a stream: POSIX ustar, GNU long names, pax names and sizes. What it allocates and how often it looks at
 * a byte depend on the bytes that came, not on what headers promise.
 */
import { FileFormatError } from "../../base/errors.js";
import { type Extended, parsePax } from "./pax.js";

export interface TarEntry {
  /** As written in the archive, "/" between folders. */
  readonly path: string;
  readonly type: "file" | "folder" | "other";
  readonly size: number;
  /** The bytes; what the consumer leaves unread is passed over. */
  readonly body: AsyncIterable<Uint8Array>;
}

const BLOCK = 512;
/** Of a header that describes the next one. */
const LONGEST_HEADER = 1 << 20;

/**
 * The entries of a tar stream in order. One at a time: an entry's body ends when the next entry is asked for. What follows the
 * archive's end is read too, so that the stream's own checksum is reached.
 * @param limit bytes the archive could hold at most; an entry that promises more is refused at once
 * @throws FileFormatError Truncated, ChecksumMismatch (a header), MalformedFile
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
  archive: string,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<TarEntry> {
  const source = new ByteSource(chunks, archive);
  // Long names and pax values come as entries of their own and describe the one after them.
  let extended: Extended = {};
  for (;;) {
    const header = await source.take(BLOCK);
    // Two empty blocks end an archive; one is enough to know.
    if (header.every((b) => b === 0)) return await source.drain();
    checkHeader(header, archive);
    const kind = String.fromCharCode(header[156]);
    const describes = "LxKg".includes(kind);
    const size = (describes ? undefined : extended.size) ?? number(header, 124, 12, archive);
    if (size > limit)
      throw new FileFormatError(
        "MalformedFile",
        archive,
        `a file of ${size} bytes, more than such an archive can hold`,
      );
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (describes) {
      if (size > LONGEST_HEADER) throw new FileFormatError("MalformedFile", archive, `a tar header of ${size} bytes`);
      const value = await source.take(size);
      await source.skip(padding);
      if (kind === "L") extended = { ...extended, path: text(value, 0, size) };
      else if (kind === "x") extended = { ...extended, ...parsePax(value, archive) };
      continue;
    }
    const path = extended.path ?? headerPath(header);
    const type = typeOf(kind, path, extended);
    extended = {};
    const rest = { left: size };
    yield {
      path,
      type,
      size,
      body: source.body(rest),
    };
    await source.skip(rest.left + padding);
  }
}

function typeOf(kind: string, path: string, { sparse }: Extended): TarEntry["type"] {
  if (kind === "5") return "folder";
  // Links, devices, FIFOs, files with holes: nothing that photos come as.
  if (!"0\0 7".includes(kind) || sparse) return "other";
  return path.endsWith("/") ? "folder" : "file";
}

/** A byte stream that can be asked for exactly n bytes. */
class ByteSource {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private held = new Uint8Array(0);

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    private readonly archive: string,
  ) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  async take(n: number): Promise<Uint8Array> {
    const out = new Uint8Array(n);
    for (let done = 0; done < n; ) {
      const piece = await this.some(n - done);
      out.set(piece, done);
      done += piece.length;
    }
    return out;
  }

  async skip(n: number): Promise<void> {
    for (let left = n; left > 0; ) left -= (await this.some(left)).length;
  }

  /** Reads to the end of the stream, so that it can say what was wrong with it. */
  async drain(): Promise<void> {
    while (!(await this.chunks.next()).done);
  }

  async *body(rest: { left: number }): AsyncGenerator<Uint8Array> {
    while (rest.left > 0) {
      const piece = await this.some(rest.left);
      rest.left -= piece.length;
      yield piece;
    }
  }

  private async some(atMost: number): Promise<Uint8Array> {
    while (this.held.length === 0) {
      const next = await this.chunks.next();
      if (next.done) throw new FileFormatError("Truncated", this.archive, "the archive ends in the middle of a file");
      this.held = next.value as Uint8Array<ArrayBuffer>;
    }
    const piece = this.held.subarray(0, atMost);
    this.held = this.held.subarray(piece.length);
    return piece;
  }
}

function checkHeader(header: Uint8Array, archive: string): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i];
  if (sum !== numberIn(header, 148, 8))
    throw new FileFormatError("ChecksumMismatch", archive, "not a tar archive, or a damaged one");
}

function headerPath(header: Uint8Array): string {
  const name = text(header, 0, 100);
  const prefix = text(header, 257, 5) === "ustar" ? text(header, 345, 155) : "";
  return prefix ? `${prefix}/${name}` : name;
}

function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString("utf8");
}

/** A number of a header. @throws FileFormatError MalformedFile when it is none, negative, or more than a file can have */
function number(bytes: Uint8Array, at: number, length: number, archive: string): number {
  const value = numberIn(bytes, at, length);
  if (Number.isSafeInteger(value)) return value;
  throw new FileFormatError("MalformedFile", archive, "a number in a tar header is none, negative or absurd");
}

/** Octal text, or big-endian binary when the first bit is set (sizes from 8 GiB); NaN for what is neither. */
function numberIn(bytes: Uint8Array, at: number, length: number): number {
  if (bytes[at] & 0x80) {
    let value = bytes[at] & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + bytes[at + i];
    return value;
  }
  const digits = text(bytes, at, length).trim();
  if (digits === "") return 0;
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}
