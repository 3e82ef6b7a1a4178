/** @file Reading tar as a stream: POSIX ustar, GNU long names, pax names and sizes. */
import { FileFormatError } from "../../base/errors.js";

export interface TarEntry {
  /** As written in the archive, "/" between folders. */
  readonly path: string;
  readonly type: "file" | "other";
  readonly size: number;
  /** The bytes; what the consumer leaves unread is passed over. */
  readonly body: AsyncIterable<Uint8Array>;
}

const BLOCK = 512;

/**
 * The entries of a tar stream in order. One at a time: an entry's body ends when the next entry is asked for.
 * @throws FileFormatError Truncated, ChecksumMismatch (a header), MalformedFile
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, archive: string): AsyncGenerator<TarEntry> {
  const source = new ByteSource(chunks, archive);
  // Long names and pax values come as entries of their own and describe the one after them.
  let extended: { path?: string; size?: number } = {};
  for (;;) {
    const header = await source.take(BLOCK);
    // Two empty blocks end an archive; one is enough to know.
    if (header.every((b) => b === 0)) return;
    checkHeader(header, archive);
    const size = extended.size ?? number(header, 124, 12);
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    const kind = String.fromCharCode(header[156]);
    if (kind === "L" || kind === "x" || kind === "K" || kind === "g") {
      if (size > 1 << 20) throw new FileFormatError("MalformedFile", archive, `a tar header of ${size} bytes`);
      const value = await source.take(size);
      await source.skip(padding);
      if (kind === "L") extended = { ...extended, path: text(value, 0, size) };
      else if (kind === "x") extended = { ...extended, ...paxValues(value) };
      continue;
    }
    const path = extended.path ?? headerPath(header);
    extended = {};
    const rest = { left: size };
    yield {
      path,
      type: "0\0 7".includes(kind) && !path.endsWith("/") ? "file" : "other",
      size,
      body: source.body(rest),
    };
    await source.skip(rest.left + padding);
  }
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
  if (sum !== number(header, 148, 8))
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

/** Octal text, or big-endian binary when the first bit is set (sizes from 8 GiB). */
function number(bytes: Uint8Array, at: number, length: number): number {
  if (bytes[at] & 0x80) {
    let value = bytes[at] & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + bytes[at + i];
    return value;
  }
  return Number.parseInt(text(bytes, at, length).trim() || "0", 8);
}

/** Records "LENGTH key=value\n". */
function paxValues(bytes: Uint8Array): { path?: string; size?: number } {
  const out: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number.parseInt(Buffer.from(bytes.subarray(at, space)).toString("latin1"), 10);
    if (space < 0 || !(length > 0)) break;
    const record = Buffer.from(bytes.subarray(space + 1, at + length - 1)).toString("utf8");
    const [key] = record.split("=", 1);
    if (key === "path") out.path = record.slice(5);
    if (key === "size") out.size = Number(record.slice(5));
    at += length;
  }
  return out;
}
