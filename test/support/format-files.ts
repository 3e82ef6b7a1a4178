/** @file What the tests of the file formats share: fixture files, failures by kind, values made comparable. */
import { join } from "node:path";
import { FileFormatError } from "../../base/errors.js";
import { sha256 } from "../../base/hash.js";
import { packageRoot } from "../../base/paths.js";
import { bytesOf } from "../../formats/dtypes.js";
import type { PyValue } from "../../formats/python.js";
import { pythonToJson } from "../../formats/python-json.js";
import { TorchTensor } from "../../formats/torch-values.js";
import { zipChunks } from "../../formats/zip-write.js";

/** Files that torch 1.13 and numpy 1.24 wrote; their recorded content is checked by the conformance case checkpoint_formats. */
export function fixture(name: string): string {
  return join(packageRoot(), "test/golden/formats", name);
}

/** The kind of the FileFormatError that `read` throws, or "none". Any other exception is a crash and goes on. */
export function failureOf(read: () => unknown): string {
  try {
    read();
    return "none";
  } catch (e) {
    if (e instanceof FileFormatError) return e.kind;
    throw e;
  }
}

/** Text that is equal exactly for equal Python values: types, order, and every bit of every tensor. */
export function digest(root: PyValue): string {
  const hash = (t: Parameters<Parameters<typeof pythonToJson>[1]>[0]) =>
    `${t.dtype} [${t.shape}] ${sha256(bytesOf((t instanceof TorchTensor ? t.toHost() : t).data))}`;
  return JSON.stringify(pythonToJson(root, hash));
}

/** Bytes of a pickle from ASCII text and numbers: pickleOf("\x80\x02", "}", "."). */
export function pickleOf(...parts: (string | readonly number[] | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((p) => (typeof p === "string" ? Buffer.from(p, "latin1") : Buffer.from(p))));
}

/** The same bytes with some bits of one byte flipped. */
export function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  out[at] ^= mask;
  return out;
}

/** A little-endian number of four bytes. */
export function u32(n: number): string {
  return String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24);
}

/** BINUNICODE of a short ASCII text. */
export function text(t: string): string {
  return `X${u32(t.length)}${t}`;
}

/** A torch zip of a given pickle and given storages. */
export function torchArchive(pickle: Uint8Array, storages: Record<string, Uint8Array> = {}): Uint8Array {
  const records = Object.entries(storages).map(([key, bytes]) => ({ name: `a/data/${key}`, chunks: [bytes] }));
  return Buffer.concat([...zipChunks([{ name: "a/data.pkl", chunks: [pickle] }, ...records])]);
}

/** The opcodes of a float32 view of storage "0", which has `count` elements. */
export function floatViewOps(
  count: number,
  offset: number,
  shape: readonly number[],
  stride: readonly number[],
): string {
  const tuple = (items: readonly number[]) => `(${items.map((n) => `J${u32(n)}`).join("")}t`;
  const storage = `(${text("storage")}ctorch\nFloatStorage\n${text("0")}${text("cpu")}J${u32(count)}tQ`;
  const args = `(${storage}J${u32(offset)}${tuple(shape)}${tuple(stride)}\x89ccollections\nOrderedDict\n)Rt`;
  return `ctorch._utils\n_rebuild_tensor_v2\n${args}R`;
}

/** A pickle that is one such view. */
export function floatView(...view: Parameters<typeof floatViewOps>): Uint8Array {
  return pickleOf(`\x80\x02${floatViewOps(...view)}.`);
}

/** Opcodes of a dict with text keys; values are opcodes too. */
export function dictOps(items: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(items).map(([key, value]) => text(key) + value);
  return `}(${pairs.join("")}u`;
}
