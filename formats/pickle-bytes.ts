/** @file The byte forms of pickle's atoms: numbers, texts, bytes and memo references, gathered into few pieces. */

/** Protocols that can be written. */
export type Protocol = 2 | 4;

/** Runs of bytes from this size on stay pieces of their own. */
const ownPiece = 1 << 16;

export class PickleBytes {
  private readonly pieces: Uint8Array[] = [];
  private buffer = Buffer.alloc(1 << 12);
  private used = 0;

  constructor(private readonly protocol: Protocol) {
    this.op(`\x80${String.fromCharCode(protocol)}`);
  }

  /** STOP, and all pieces in order. */
  finish(): Uint8Array[] {
    this.op(".");
    this.flush();
    return this.pieces;
  }

  /** Opcodes and ASCII arguments. */
  op(codes: string): void {
    const at = this.room(codes.length);
    this.buffer.write(codes, at, "latin1");
  }

  int(n: number): void {
    if (n >= 0 && n < 1 << 8) this.sized("K", n, 1);
    else if (n >= 0 && n < 1 << 16) this.sized("M", n, 2);
    else if (n >= -(2 ** 31) && n < 2 ** 31) this.sized("J", n >>> 0, 4);
    else this.long(BigInt(n));
  }

  /** An integer of any size: two's complement, little-endian, as few bytes as keep the sign. */
  long(n: bigint): void {
    const bits = n === 0n ? -1 : (n < 0n ? ~n : n).toString(2).length;
    const length = n === 0n ? 0 : Math.floor(bits / 8) + 1;
    const hex = length
      ? BigInt.asUintN(8 * length, n)
          .toString(16)
          .padStart(2 * length, "0")
      : "";
    if (length < 256) this.sized("\x8a", length, 1);
    else this.sized("\x8b", length, 4);
    this.raw(Buffer.from(hex, "hex").reverse());
  }

  float(x: number): void {
    this.op("G");
    this.buffer.writeDoubleBE(x, this.room(8));
  }

  text(text: string): void {
    const bytes = Buffer.from(text);
    this.textHeader(bytes.length);
    this.raw(bytes);
  }

  /** Bytes as the text of their latin-1 characters, in UTF-8. */
  latin1Text(bytes: Uint8Array): void {
    let high = 0;
    for (const b of bytes) high += b >> 7;
    const out = new Uint8Array(bytes.length + high);
    let at = 0;
    for (const b of bytes) {
      if (b > 127) out[at++] = 0xc0 | (b >> 6);
      out[at++] = b > 127 ? 0x80 | (b & 63) : b;
    }
    this.textHeader(out.length);
    this.raw(out);
  }

  /** Protocol 4 only. */
  bytes(bytes: Uint8Array): void {
    if (bytes.length < 256) this.sized("C", bytes.length, 1);
    else if (bytes.length < 2 ** 32) this.sized("B", bytes.length, 4);
    else this.sized("\x8e", bytes.length, 8);
    this.raw(bytes);
  }

  put(slot: number): void {
    if (this.protocol === 4) this.op("\x94");
    else if (slot < 256) this.sized("q", slot, 1);
    else this.sized("r", slot, 4);
  }

  get(slot: number): void {
    if (slot < 256) this.sized("h", slot, 1);
    else this.sized("j", slot, 4);
  }

  private textHeader(length: number): void {
    if (this.protocol === 4 && length < 256) this.sized("\x8c", length, 1);
    else if (length < 2 ** 32) this.sized("X", length, 4);
    else if (this.protocol === 4) this.sized("\x8d", length, 8);
    else throw new RangeError(`pickle: ${length} bytes of text do not fit protocol 2; use protocol 4`);
  }

  /** An opcode with a little-endian number of `size` bytes. */
  private sized(code: string, n: number, size: 1 | 2 | 4 | 8): void {
    this.op(code);
    const at = this.room(size);
    if (size === 8) this.buffer.writeBigUInt64LE(BigInt(n), at);
    else this.buffer.writeUIntLE(n, at, size);
  }

  private raw(bytes: Uint8Array): void {
    if (bytes.length < ownPiece) {
      const at = this.room(bytes.length);
      this.buffer.set(bytes, at);
    } else {
      this.flush();
      this.pieces.push(bytes);
    }
  }

  /** Position of `length` fresh bytes in the current buffer, which may be a new one. */
  private room(length: number): number {
    if (this.used + length > this.buffer.length) {
      this.flush();
      this.buffer = Buffer.alloc(Math.max(length, ownPiece));
    }
    this.used += length;
    return this.used - length;
  }

  private flush(): void {
    if (this.used) this.pieces.push(this.buffer.subarray(0, this.used));
    this.buffer = this.buffer.subarray(this.used);
    this.used = 0;
  }
}
