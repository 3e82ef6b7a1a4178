/**
 * @file torch's format before 1.6: pickles back to back (magic number, protocol version, system, the object, the storage
 * keys), then for each key an int64 element count and the raw elements. It carries no checksums.
 */
import { FileFormatError } from "../base/errors.js";
import type { DType } from "../base/tensor.js";
import { Budget } from "./budget.js";
import { ByteCursor } from "./byte-cursor.js";
import { bytesPerElement } from "./dtypes.js";
import { plainGlobals } from "./pickle-globals.js";
import { settled } from "./pickle-limits.js";
import { BuildError, PyDict, PyTuple, type PyValue } from "./python.js";
import type { ByteSource } from "./source.js";
import { storageId, torchGlobals } from "./torch-globals.js";
import { TorchStorage } from "./torch-values.js";
import { unpickle } from "./unpickle.js";

const magic = 0x1950a86a20f9469cfc6cn;
/** The magic number's opcodes, LONG1 and STOP. Behind PROTO and its number protocols 4 and 5 have a FRAME of this length. */
const magicOps = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const frame = [0x95, magicOps.length, 0, 0, 0, 0, 0, 0, 0];

/** True when the bytes begin with the magic pickle, or with as much of it as there are bytes. */
export function looksLikeLegacy(head: Uint8Array): boolean {
  const begins = (ops: readonly number[]) => ops.every((b, i) => i + 2 >= head.length || head[i + 2] === b);
  return head.length > 2 && head[0] === 0x80 && (begins(magicOps) || begins([...frame, ...magicOps]));
}

/** What the object pickle says of a storage, and where the file has it once the keys are read. */
interface Run {
  dtype: DType;
  count: number;
  dataAt: number | undefined;
  /** The whole of it, made once: who writes the object again sees what is shared. */
  whole?: TorchStorage;
}

/**
 * The object that torch.save was given. Tensors read their data from the file when asked.
 * @throws FileFormatError Truncated, MalformedPickle, MissingRecord, StorageOutOfBounds, …
 */
export function readTorchLegacy(source: ByteSource): PyValue {
  // the pickles are small before the data: read a growing beginning instead of gigabytes
  for (let window = 1 << 20; ; window *= 8) {
    const bytes = source.read(0, Math.min(window, source.size));
    try {
      return readPickles(source, bytes);
    } catch (e) {
      const cut = e instanceof FileFormatError && e.kind === "Truncated" && bytes.length < source.size;
      if (!cut) throw e;
    }
  }
}

function readPickles(source: ByteSource, bytes: Uint8Array): PyValue {
  const { file } = source;
  const fail = (kind: "UnsupportedFeature" | "MalformedPickle", detail: string) =>
    new FileFormatError(kind, file, detail);
  const cursor = new ByteCursor(bytes, file, "Truncated");
  if (unpickle(cursor, { globals: plainGlobals }) !== magic) throw fail("MalformedPickle", "another magic number");
  const version = unpickle(cursor, { globals: plainGlobals });
  if (version !== 1001) throw fail("UnsupportedFeature", `legacy protocol ${String(version)}, expected 1001`);
  const system = unpickle(cursor, { globals: plainGlobals });
  if (!(system instanceof PyDict)) throw fail("MalformedPickle", "no description of the writing system");
  if (system.get("little_endian") !== true) throw fail("UnsupportedFeature", "written on a big-endian machine");

  const runs = new Map<string, Run>();
  const budget = new Budget(file, source.size, "UnsupportedFeature");
  const persistent = (id: PyValue) => storageOf(source, budget, runs, id);
  const built = unpickle(cursor, { globals: torchGlobals, persistent, keepUnknown: true });
  const value = settled(built, bytes.length, file);
  const keys = unpickle(cursor, { globals: plainGlobals });
  if (!Array.isArray(keys)) throw fail("MalformedPickle", "no list of storage keys");
  locate(source, runs, keys, cursor.at);
  return value;
}

function storageOf(source: ByteSource, budget: Budget, runs: Map<string, Run>, id: PyValue): TorchStorage {
  const { dtype, key, count, view } = storageId(id);
  if (!dtype || !Number.isSafeInteger(count))
    throw new BuildError("MalformedPickle", "a storage without type or count");
  const run = runs.get(key) ?? { dtype, count, dataAt: undefined };
  if (run.dtype !== dtype || run.count !== count)
    throw new BuildError("MalformedPickle", `storage ${key} is described in two ways`);
  runs.set(key, run);
  const part = (first: number, length: number) =>
    new TorchStorage(
      source.file,
      dtype,
      length,
      (begin, bytes) => source.read((run.dataAt as number) + first + begin, bytes),
      budget,
    );
  if (view === null) {
    run.whole ??= part(0, count);
    return run.whole;
  }
  const [, offset, size] = view instanceof PyTuple ? view.items : [];
  if (typeof offset !== "number" || typeof size !== "number" || !(offset >= 0 && size >= 0))
    throw new BuildError("MalformedPickle", `a part of storage ${key} without offset and size`);
  if (offset + size > count) throw new BuildError("StorageOutOfBounds", `a part of storage ${key} exceeds it`);
  return part(offset * bytesPerElement[dtype], size);
}

/** Walks the raw storages that follow the pickles. */
function locate(source: ByteSource, runs: Map<string, Run>, keys: readonly PyValue[], begin: number): void {
  const fail = (kind: "Truncated" | "MalformedPickle" | "StorageOutOfBounds" | "MissingRecord", detail: string) =>
    new FileFormatError(kind, source.file, detail);
  let at = begin;
  for (const key of keys) {
    const run = typeof key === "string" ? runs.get(key) : undefined;
    if (!run || run.dataAt !== undefined)
      throw fail("MalformedPickle", `storage key ${String(key)} is unknown or repeated`);
    const head = source.read(at, 8);
    const count = Number(new DataView(head.buffer).getBigInt64(0, true));
    if (count !== run.count)
      throw fail("StorageOutOfBounds", `storage ${String(key)} has ${count} elements, its tensors expect ${run.count}`);
    run.dataAt = at + 8;
    at = run.dataAt + count * bytesPerElement[run.dtype];
    if (at > source.size)
      throw fail("Truncated", `the data of storage ${String(key)} end at byte ${at} of ${source.size}`);
  }
  for (const [key, run] of runs)
    if (run.dataAt === undefined) throw fail("MissingRecord", `the file has no data for storage ${key}`);
}
