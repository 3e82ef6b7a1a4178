/**
 * @file Codebooks on disk. Read by content, written by extension:
 * `.pkl` is the reference's cache {type, params: {size}, state: {centroids}}; anything else is safetensors with one
 * tensor `centroids` and, as metadata, the format's name, the size as configured, the hash of the values, and a seal: the
 * hash of all metadata, that hash included. Files of older programs have no seal, and only their values are verified.
 */
import { writeFileAtomic } from "../base/atomic.js";
import { FileFormatError } from "../base/errors.js";
import { sha256 } from "../base/hash.js";
import { readPickle } from "../formats/pickle.js";
import { pickleChunks } from "../formats/pickle-write.js";
import { NdArray, plain } from "../formats/python.js";
import { encodeSafetensors, Safetensors } from "../formats/safetensors.js";
import { readFileBytes } from "../formats/source.js";
import { type Codebook, codebookHash, makeCodebook } from "./codebook.js";

const FORMAT = "fire-gpu codebook 2";
/** Without a seal. */
const OLD_FORMAT = "fire-gpu codebook 1";

/** A codebook and what its file says about it (empty for the reference's files). */
export interface StoredCodebook extends Codebook {
  /** Free text by key, for example the hash of the network whose descriptors were clustered. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether a hash covers all of the file, the metadata too. */
  readonly sealed: boolean;
}

/**
 * Reads a codebook of either form.
 * @throws FileFormatError: Truncated, MalformedFile, MissingKey, ShapeMismatch, ChecksumMismatch, ForbiddenGlobal, …
 */
export function readCodebook(file: string): StoredCodebook {
  const bytes = readFileBytes(file);
  return looksLikeSafetensors(bytes) ? readOwn(file) : readReference(bytes, file);
}

/** Writes a codebook atomically, by extension (see above). Metadata go into our own form only. */
export function writeCodebook(file: string, codebook: Codebook, metadata: Readonly<Record<string, string>> = {}): void {
  const { words, dim, centroids, size } = codebook;
  if (file.endsWith(".pkl")) {
    const values = new NdArray("F32", [words, dim], centroids);
    writeFileAtomic(file, pickleChunks({ type: "Codebook", params: { size }, state: { centroids: values } }, 4));
    return;
  }
  const tensor = { dtype: "F32" as const, shape: [words, dim], data: centroids };
  const notes = { ...metadata, format: FORMAT, size: JSON.stringify(size), sha256: codebookHash(codebook) };
  writeFileAtomic(file, encodeSafetensors([["centroids", tensor]], { ...notes, seal: sealOf(notes) }));
}

/** sha256 of metadata in the order of their names. */
function sealOf(metadata: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(metadata)
    .filter(([name]) => name !== "seal")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(Buffer.from(JSON.stringify(sorted)));
}

/** A safetensors file has the "{" of its JSON header at byte 8. */
function looksLikeSafetensors(bytes: Uint8Array): boolean {
  return bytes.length > 8 && bytes[8] === 0x7b && bytes[7] === 0;
}

function readOwn(file: string): StoredCodebook {
  const opened = Safetensors.open(file);
  const { format, size, sha256: hash, seal, ...metadata } = opened.metadata;
  if (format !== FORMAT && format !== OLD_FORMAT)
    throw new FileFormatError("MalformedFile", file, `expected the format "${FORMAT}", got ${JSON.stringify(format)}`);
  const sealed = format === FORMAT || seal !== undefined;
  if (sealed && seal !== sealOf(opened.metadata))
    throw new FileFormatError("ChecksumMismatch", file, "the metadata do not have their recorded sha256");
  const codebook = checked(opened.read("centroids"), parseStoredSize(size, file), file);
  if (codebookHash(codebook) !== hash)
    throw new FileFormatError("ChecksumMismatch", file, "the centroids do not have the recorded sha256");
  return { ...codebook, metadata, sealed };
}

function parseStoredSize(text: string, file: string): number | string {
  try {
    const size: unknown = JSON.parse(text);
    if (typeof size === "number" || typeof size === "string") return size;
  } catch {
    // falls through to the error below
  }
  throw new FileFormatError("MalformedFile", file, `metadata size is ${JSON.stringify(text)}`);
}

function readReference(bytes: Uint8Array, file: string): StoredCodebook {
  const value = plain(readPickle(bytes, file));
  const top = asObject(value, "the pickle", file);
  if (top.type !== "Codebook")
    throw new FileFormatError("MalformedFile", file, `expected type "Codebook", got ${JSON.stringify(top.type)}`);
  const { size } = asObject(top.params, "params", file);
  const { centroids } = asObject(top.state, "state", file);
  if (!(centroids instanceof NdArray)) throw new FileFormatError("MissingKey", file, "state.centroids is no array");
  if (typeof size !== "number" && typeof size !== "string")
    throw new FileFormatError("MissingKey", file, "params.size is neither a number nor a text");
  return { ...checked(centroids, size, file), metadata: {}, sealed: false };
}

function asObject(value: unknown, name: string, file: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Map)
    throw new FileFormatError("MissingKey", file, `${name}: expected a dict`);
  return value as Record<string, unknown>;
}

function checked(
  tensor: { readonly shape: readonly number[]; readonly data: unknown },
  size: number | string,
  file: string,
): Codebook {
  const { shape, data } = tensor;
  if (!(data instanceof Float32Array) || shape.length !== 2 || shape[0] < 1 || shape[1] < 1)
    throw new FileFormatError("ShapeMismatch", file, `centroids: expected float32 (words, dim), got shape [${shape}]`);
  try {
    return makeCodebook(data, shape[1], size);
  } catch (cause) {
    throw new FileFormatError("MalformedFile", file, (cause as Error).message, { cause });
  }
}
