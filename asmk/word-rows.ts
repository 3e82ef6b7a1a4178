/** @file What an image is to the index: one row for each visual word it has. */
import { packedLength } from "./pack.js";

/**
 * Rows of one or more images: images ascending, words ascending within an image, every (image, word) at most once.
 * Codes are packed sign bits (Uint32Array, packedLength(dim) a row) or normalised residuals (Float32Array, dim a row).
 */
export interface WordRows {
  readonly dim: number;
  readonly codes: Uint32Array | Float32Array;
  readonly words: Int32Array;
  readonly images: Int32Array;
}

/** Array elements that one code takes. */
export function codeLength(dim: number, binary: boolean): number {
  return binary ? packedLength(dim) : dim;
}

/** Whether the rows hold sign bits. */
export function isBinary(rows: Pick<WordRows, "codes">): boolean {
  return rows.codes instanceof Uint32Array;
}

/** Rows begin … end−1 as views of the same arrays. */
export function sliceRows(rows: WordRows, begin: number, end: number): WordRows {
  const length = codeLength(rows.dim, isBinary(rows));
  return {
    dim: rows.dim,
    codes: rows.codes.subarray(begin * length, end * length),
    words: rows.words.subarray(begin, end),
    images: rows.images.subarray(begin, end),
  };
}

/** [begin, end) of each run of equal image ids, in order. */
export function* imageRuns(images: Int32Array): Generator<[begin: number, end: number]> {
  for (let begin = 0; begin < images.length; ) {
    let end = begin + 1;
    while (end < images.length && images[end] === images[begin]) end++;
    yield [begin, end];
    begin = end;
  }
}

/** The rows of each image of a batch, for example one element a query. */
export function splitByImage(rows: WordRows): WordRows[] {
  return Array.from(imageRuns(rows.images), ([begin, end]) => sliceRows(rows, begin, end));
}
