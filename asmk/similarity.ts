/** @file Similarity of two codes and its kernel (asmk.md §5), in float32 after each operation. */
import type { SearchOptions } from "./parameters.js";

/** The score of every Hamming distance, and the largest distance that is kept. */
export interface HammingScores {
  /** 32 · length + 1 values: similarity ^ alpha. */
  readonly table: Float32Array;
  /** Entries with a larger distance are below the threshold; −1 when all are. */
  readonly mostBits: number;
}

/**
 * Similarity 1 − 2h/(32·length) of binary codes is a function of the distance h alone, so the whole kernel is a table.
 * The divisor is the padded width, whatever the true dimension is.
 * @param length u32 a code
 */
export function hammingScores(length: number, options: SearchOptions): HammingScores {
  const bits = 32 * length;
  const table = new Float32Array(bits + 1);
  let mostBits = -1;
  for (let h = 0; h <= bits; h++) {
    const similarity = Math.fround(1 - 2 * Math.fround(h / bits));
    if (!(similarity >= Math.fround(options.similarityThreshold))) break;
    table[h] = power(similarity, options.alpha);
    mostBits = h;
  }
  return { table, mostBits };
}

/** Dot product of row i of a and row j of b, summed in float64 and rounded once. */
export function dotProduct(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += a[i * dim + d] * b[j * dim + d];
  return Math.fround(sum);
}

/** similarity ^ alpha in float32. */
export function power(similarity: number, alpha: number): number {
  return Math.fround(similarity ** Math.fround(alpha));
}
