/** @file What the tests of the file formats share: fixture files, failures by kind, values made comparable. */
import { join } from "node:path";
import { FileFormatError } from "../../base/errors.js";
import { sha256 } from "../../base/hash.js";
import { packageRoot } from "../../base/paths.js";
import { bytesOf } from "../../formats/dtypes.js";
import type { PyValue } from "../../formats/python.js";
import { pythonToJson } from "../../formats/python-json.js";
import { TorchTensor } from "../../formats/torch-values.js";

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
