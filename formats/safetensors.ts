/**
 * @file safetensors: 8-byte little-endian header length, JSON header, raw little-endian data.
 * Reading checks every offset against the file before a view is made; tensors are copied out on demand.
 */
import { type FileFailure, FileFormatError } from "../base/errors.js";
import type { DType, HostTensor } from "../base/tensor.js";
import { bytesOf, bytesPerElement, checkedCount, elementsOf, isDType } from "./dtypes.js";
import { parseJson } from "./json.js";
import { type ByteSource, fileSource } from "./source.js";

interface Entry {
  dtype: DType;
  shape: readonly number[];
  begin: number;
  end: number;
}

/** The limit of the format's own reader. */
const maxHeader = 100_000_000;

/** An open safetensors file: names are known, data are read per tensor. */
export class Safetensors {
  private constructor(
    private readonly source: ByteSource,
    private readonly entries: ReadonlyMap<string, Entry>,
    /** The free-form `__metadata__` of the header. */
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** Reads and checks the header. @throws FileFormatError naming the file and what is wrong. */
  static open(file: string): Safetensors {
    return Safetensors.from(fileSource(file));
  }

  /** `open` from any source of bytes. */
  static from(source: ByteSource): Safetensors {
    const { file, size } = source;
    const fail = (kind: FileFailure, detail: string, cause?: unknown) =>
      new FileFormatError(kind, file, detail, { cause });
    if (size < 8) throw fail("Truncated", `expected at least 8 bytes, got ${size}`);
    const length = Number(new DataView(source.read(0, 8).buffer).getBigUint64(0, true));
    if (length < 2 || length > maxHeader) throw fail("MalformedFile", `header length ${length} is not plausible`);
    if (8 + length > size) throw fail("Truncated", `header needs ${8 + length} bytes, the file has ${size}`);
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(source.read(8, length));
    } catch (cause) {
      throw fail("MalformedFile", "the header is not UTF-8", cause);
    }
    const header = parseJson(text, file, "the header");
    if (!isRecord(header)) throw fail("MalformedFile", "the header is not a JSON object");
    const entries = new Map<string, Entry>();
    let metadata: Record<string, string> = {};
    for (const [name, value] of Object.entries(header)) {
      if (name === "__metadata__") {
        if (!isRecord(value) || !Object.values(value).every((v) => typeof v === "string"))
          throw fail("MalformedFile", "__metadata__ is not an object of texts");
        metadata = value as Record<string, string>;
      } else entries.set(name, entryOf(name, value, 8 + length, fail));
    }
    const last = [...entries.values()].reduce((end, e) => Math.max(end, e.end), 0);
    if (last > size) throw fail("Truncated", `the data end at byte ${last}, the file has ${size}`);
    refuseOverlaps(entries, fail);
    return new Safetensors(source, entries, metadata);
  }

  get file(): string {
    return this.source.file;
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
    return { dtype, shape, data: elementsOf(dtype, this.readBytes(name, 0, end - begin).buffer as ArrayBuffer) };
  }

  /** Some bytes of one tensor, counted from its first. */
  readBytes(name: string, begin: number, length: number): Uint8Array {
    const entry = this.entry(name);
    if (entry.begin + begin + length > entry.end)
      throw new FileFormatError("StorageOutOfBounds", this.file, `tensor ${name} has no byte ${begin + length}`);
    return this.source.read(entry.begin + begin, length);
  }

  private entry(name: string): Entry {
    const e = this.entries.get(name);
    if (!e) throw new FileFormatError("MissingKey", this.file, `no tensor named ${name}`);
    return e;
  }
}

/** True when the bytes begin like safetensors: a plausible length, then a JSON object. */
export function looksLikeSafetensors(head: Uint8Array): boolean {
  if (head.length < 9 || head[8] !== 0x7b) return false;
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(maxHeader);
}

/** All tensors of a file. */
export function readSafetensors(file: string): Map<string, HostTensor> {
  const f = Safetensors.open(file);
  return new Map(f.names.map((n) => [n, f.read(n)]));
}

/** A tensor to be written whose data are asked for when their turn comes. */
export interface PendingTensor {
  dtype: DType;
  shape: readonly number[];
  load: () => HostTensor;
}

/** The bytes of a safetensors file, piece by piece; data are laid out in the given order, 8-byte aligned header. */
export function* safetensorsChunks(
  tensors: ReadonlyMap<string, PendingTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const header: [string, unknown][] = Object.keys(metadata).length ? [["__metadata__", metadata]] : [];
  let at = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const end = at + (checkedCount(shape) ?? Number.NaN) * bytesPerElement[dtype];
    header.push([name, { dtype, shape, data_offsets: [at, end] }]);
    at = end;
  }
  let json = JSON.stringify(Object.fromEntries(header));
  json += " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const text = Buffer.from(json);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  yield length;
  yield text;
  for (const { load } of tensors.values()) yield bytesOf(load().data);
}

/** The bytes of a safetensors file in one piece. */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, HostTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const pending = [...tensors].map(([name, t]): [string, PendingTensor] => [name, { ...describe(t), load: () => t }]);
  return Buffer.concat([...safetensorsChunks(new Map(pending), metadata)]);
}

function describe({ dtype, shape }: HostTensor): { dtype: DType; shape: readonly number[] } {
  return { dtype, shape };
}

type Fail = (kind: FileFailure, detail: string) => FileFormatError;

function entryOf(name: string, value: unknown, dataAt: number, fail: Fail): Entry {
  if (!isRecord(value)) throw fail("MalformedFile", `tensor ${name}: malformed entry`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDType(dtype))
    throw fail("MalformedFile", `tensor ${name}: unknown dtype ${JSON.stringify(dtype)?.slice(0, 40)}`);
  const count = Array.isArray(shape) ? checkedCount(shape) : undefined;
  if (count === undefined || !Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(Number.isSafeInteger))
    throw fail("MalformedFile", `tensor ${name}: malformed entry`);
  const [begin, end] = offsets as [number, number];
  if (begin < 0 || end - begin !== count * bytesPerElement[dtype])
    throw fail("MalformedFile", `tensor ${name}: [${shape}] ${dtype} does not fit offsets ${begin}..${end}`);
  return { dtype, shape: shape as number[], begin: dataAt + begin, end: dataAt + end };
}

/** Two tensors on the same bytes would let a small file claim any amount of data. */
function refuseOverlaps(entries: ReadonlyMap<string, Entry>, fail: Fail): void {
  let end = 0;
  for (const [name, e] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (e.begin < end) throw fail("MalformedFile", `tensor ${name} overlaps another`);
    end = e.end;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
