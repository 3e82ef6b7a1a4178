/** @file Chunks of aggregated images: the reference's pickle {des, word_ids, image_ids}, and one image as a log record. */
import { codeLength, isBinary, type WordRows } from "../../../asmk/word-rows.js";
import { writeFileAtomic } from "../../../base/atomic.js";
import { FileFormatError } from "../../../base/errors.js";
import { readPickle } from "../../../formats/pickle.js";
import { pickleChunks } from "../../../formats/pickle-write.js";
import { NdArray, plain } from "../../../formats/python.js";
import { readFileBytes } from "../../../formats/source.js";

/** Writes the rows of a chunk; ids as numpy's int64. */
export function writeChunk(file: string, rows: WordRows): void {
  const n = rows.words.length;
  const width = codeLength(rows.dim, isBinary(rows));
  const des = new NdArray(isBinary(rows) ? "U32" : "F32", [n, width], rows.codes);
  const word_ids = new NdArray("I64", [n], wide(rows.words));
  const image_ids = new NdArray("I64", [n], wide(rows.images));
  writeFileAtomic(file, pickleChunks({ des, word_ids, image_ids }, 4));
}

/**
 * Reads a chunk for descriptors of `dim` dimensions.
 * @throws FileFormatError MissingKey, ShapeMismatch, and those of the pickle reader
 */
export function readChunk(file: string, dim: number): WordRows {
  const top = plain(readPickle(readFileBytes(file), file));
  const field = (name: string): NdArray => {
    const value =
      typeof top === "object" && top !== null && name in top ? (top as Record<string, unknown>)[name] : null;
    if (value instanceof NdArray) return value;
    throw new FileFormatError("MissingKey", file, `${name}: expected a numpy array`);
  };
  const des = field("des");
  const [words, images] = ["word_ids", "image_ids"].map((name) => narrow(field(name), name, file));
  const codes = des.data;
  if (!(codes instanceof Uint32Array || codes instanceof Float32Array))
    throw new FileFormatError("ShapeMismatch", file, `des: expected uint32 or float32, got ${des.dtype}`);
  const width = codeLength(dim, codes instanceof Uint32Array);
  const [n, columns] = des.shape;
  if (des.shape.length !== 2 || columns !== width || words.length !== n || images.length !== n) {
    throw new FileFormatError(
      "ShapeMismatch",
      file,
      `expected des (n, ${width}) for ${dim} dimensions with n ids, got [${des.shape}] with ${words.length} word_ids and ${images.length} image_ids`,
    );
  }
  return { dim, codes, words, images };
}

/** One image's rows as a record, little-endian: rows u32 · words i32[rows] · codes u32 or f32. Ids are not kept. */
export function encodeRows({ words, codes }: WordRows): Uint8Array {
  const out = Buffer.alloc(4 + words.byteLength + codes.byteLength);
  out.writeUInt32LE(words.length, 0);
  out.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), 4);
  out.set(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength), 4 + words.byteLength);
  return out;
}

/** Number of rows of a record. */
export function rowsOf(record: Uint8Array): number {
  return new DataView(record.buffer, record.byteOffset).getUint32(0, true);
}

/** Copies a record's rows to row `at` of `into`, as those of image `id`. */
export function decodeRows(record: Uint8Array, id: number, into: WordRows, at: number): void {
  const n = rowsOf(record);
  const { words, codes, images, dim } = into;
  bytesOf(words).set(record.subarray(4, 4 + 4 * n), 4 * at);
  bytesOf(codes).set(record.subarray(4 + 4 * n), 4 * at * codeLength(dim, isBinary(into)));
  images.fill(id, at, at + n);
}

function bytesOf(array: Int32Array | Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Int32 → int64 without a bigint an element: a chunk has a hundred million. */
function wide(values: Int32Array): BigInt64Array {
  const halves = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    halves[2 * i] = values[i];
    halves[2 * i + 1] = values[i] >> 31;
  }
  return new BigInt64Array(halves.buffer);
}

function narrow({ dtype, data }: NdArray, name: string, file: string): Int32Array {
  if (data instanceof Int32Array) return data;
  if (!(data instanceof BigInt64Array))
    throw new FileFormatError("ShapeMismatch", file, `${name}: expected int64 or int32, got ${dtype}`);
  const halves = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
  const out = new Int32Array(data.length);
  for (let i = 0; i < out.length; i++) {
    out[i] = halves[2 * i];
    if (halves[2 * i + 1] !== out[i] >> 31)
      throw new FileFormatError("MalformedFile", file, `${name}: ${data[i]} is no id that was written`);
  }
  return out;
}
