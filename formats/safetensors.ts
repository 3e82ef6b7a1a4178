/**
 * @file safetensors: 8-byte little-endian header length, JSON header, raw little-endian data.
 * Reading checks every offset against the file before a view is made; tensors are copied out on demand.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FileFormatError } from "../base/errors.js";
import type { DType, HostTensor, TensorData } from "../base/tensor.js";
import { elementCount } from "../base/tensor.js";

const bytesOf: Record<DType, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  U16: 2,
  U32: 4,
  U64: 8,
};

const arrayOf: Record<DType, new (buffer: ArrayBuffer) => TensorData> = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
  U16: Uint16Array,
  U32: Uint32Array,
  U64: BigUint64Array,
};

interface Entry {
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

/** An open safetensors file: names are known, data are read per tensor. */
export class Safetensors {
  private constructor(
    readonly file: string,
    private readonly entries: ReadonlyMap<string, Entry>,
    /** The free-form `__metadata__` of the header. */
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** Reads and checks the header. @throws FileFormatError naming the file and what is wrong. */
  static open(file: string): Safetensors {
    const fail = (kind: "Truncated" | "MalformedFile", detail: string) => new FileFormatError(kind, file, detail);
    const fd = openSync(file, "r");
    try {
      const size = fstatSync(fd).size;
      const head = Buffer.alloc(8);
      if (size < 8 || readSync(fd, head, 0, 8, 0) < 8)
        throw fail("Truncated", `expected at least 8 bytes, got ${size}`);
      const length = Number(head.readBigUInt64LE(0));
      if (!(length >= 2 && length <= 100_000_000))
        throw fail("MalformedFile", `header length ${length} is not plausible`);
      if (8 + length > size) throw fail("Truncated", `header needs ${8 + length} bytes, the file has ${size}`);
      const json = Buffer.alloc(length);
      readSync(fd, json, 0, length, 8);
      let header: Record<string, unknown>;
      try {
        header = JSON.parse(json.toString("utf8"));
      } catch (cause) {
        throw new FileFormatError("MalformedFile", file, "the header is not JSON", { cause });
      }
      const entries = new Map<string, Entry>();
      for (const [name, value] of Object.entries(header)) {
        if (name === "__metadata__") continue;
        const {
          dtype,
          shape,
          data_offsets: offsets,
        } = value as { dtype: DType; shape: number[]; data_offsets: number[] };
        if (!(dtype in bytesOf)) throw fail("MalformedFile", `tensor ${name}: unknown dtype ${String(dtype)}`);
        const good = Array.isArray(shape) && shape.every((d) => Number.isSafeInteger(d) && d >= 0);
        if (!good || !Array.isArray(offsets) || offsets.length !== 2)
          throw fail("MalformedFile", `tensor ${name}: malformed entry`);
        const [begin, end] = offsets;
        if (!(begin >= 0 && end - begin === elementCount(shape) * bytesOf[dtype]))
          throw fail("MalformedFile", `tensor ${name}: [${shape}] ${dtype} does not fit offsets ${begin}..${end}`);
        if (8 + length + end > size)
          throw fail("Truncated", `tensor ${name} ends at byte ${8 + length + end}, the file has ${size}`);
        entries.set(name, { dtype, shape, begin: 8 + length + begin, end: 8 + length + end });
      }
      return new Safetensors(file, entries, (header.__metadata__ as Record<string, string>) ?? {});
    } finally {
      closeSync(fd);
    }
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** Shape and type without reading the data. */
  describe(name: string): { dtype: DType; shape: readonly number[] } {
    return this.entry(name);
  }

  /** Reads one tensor. @throws FileFormatError (MissingKey) when the name is not in the file. */
  read(name: string): HostTensor {
    const { dtype, shape, begin, end } = this.entry(name);
    const bytes = new ArrayBuffer(end - begin);
    const fd = openSync(this.file, "r");
    try {
      let done = 0;
      while (done < bytes.byteLength) {
        const n = readSync(fd, new Uint8Array(bytes, done), 0, bytes.byteLength - done, begin + done);
        if (n === 0) throw new FileFormatError("Truncated", this.file, `tensor ${name} is cut off`);
        done += n;
      }
    } finally {
      closeSync(fd);
    }
    return { dtype, shape, data: new arrayOf[dtype](bytes) };
  }

  private entry(name: string): Entry {
    const e = this.entries.get(name);
    if (!e) throw new FileFormatError("MissingKey", this.file, `no tensor named ${name}`);
    return e;
  }
}

/** All tensors of a file. */
export function readSafetensors(file: string): Map<string, HostTensor> {
  const f = Safetensors.open(file);
  return new Map(f.names.map((n) => [n, f.read(n)]));
}

/** The bytes of a safetensors file; data are laid out in the given order, 8-byte aligned header. */
export function encodeSafetensors(
  tensors: Iterable<[string, HostTensor]>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const list = [...tensors];
  const header: Record<string, unknown> = Object.keys(metadata).length ? { __metadata__: metadata } : {};
  let at = 0;
  for (const [name, t] of list) {
    header[name] = { dtype: t.dtype, shape: t.shape, data_offsets: [at, at + t.data.byteLength] };
    at += t.data.byteLength;
  }
  let json = JSON.stringify(header);
  json += " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const text = Buffer.from(json);
  const out = new Uint8Array(8 + text.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  at = 8 + text.length;
  for (const [, t] of list) {
    out.set(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength), at);
    at += t.data.byteLength;
  }
  return out;
}
