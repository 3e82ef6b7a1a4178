/** @file Reads numbers, lines and byte runs one after the other; never past the end, never allocating on a claim. */
import { type FileFailure, FileFormatError } from "../base/errors.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class ByteCursor {
  private readonly view: DataView;

  /** `endKind` is the class of failure when the bytes run out. */
  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
    private readonly endKind: FileFailure,
    /** Position of the next byte. */
    public at = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A FileFormatError that names the file and the position. */
  fail(kind: FileFailure, detail: string, cause?: unknown): FileFormatError {
    return new FileFormatError(kind, this.file, `${detail} (byte ${this.at})`, { cause });
  }

  /** Throws unless `length` more bytes are there. */
  require(length: number): void {
    const left = this.bytes.length - this.at;
    if (length > left) throw this.fail(this.endKind, `expected ${length} more bytes, got ${left}`);
  }

  /** Moves on by `length` bytes and returns where they begin. */
  private skip(length: number): number {
    this.require(length);
    const begin = this.at;
    this.at = begin + length;
    return begin;
  }

  u8(): number {
    return this.bytes[this.skip(1)];
  }
  u16(): number {
    return this.view.getUint16(this.skip(2), true);
  }
  i32(): number {
    return this.view.getInt32(this.skip(4), true);
  }
  u32(): number {
    return this.view.getUint32(this.skip(4), true);
  }
  /** A 64-bit length. @throws when it is not a safe integer. */
  u64(): number {
    const n = this.view.getBigUint64(this.skip(8), true);
    if (n > BigInt(Number.MAX_SAFE_INTEGER)) throw this.fail(this.endKind, `a length of ${n} bytes`);
    return Number(n);
  }
  f64be(): number {
    return this.view.getFloat64(this.skip(8), false);
  }

  /** A view of the next bytes; copy it to keep it. */
  take(length: number): Uint8Array {
    const begin = this.skip(length);
    return this.bytes.subarray(begin, begin + length);
  }

  utf8(length: number): string {
    const bytes = this.take(length);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw this.fail("MalformedPickle", `${length} bytes of text are not UTF-8 or too long`, cause);
    }
  }

  latin1(length: number): string {
    const bytes = this.take(length);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }

  /** Text up to the next newline, which is consumed. */
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw this.fail(this.endKind, "a line without end");
    const text = this.latin1(end - this.at);
    this.at++;
    return text;
  }
}
