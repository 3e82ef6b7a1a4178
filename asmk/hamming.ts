/** @file Hamming distance of packed codes (asmk.md §5). */

/** Number of ones in a 32-bit word, by adding neighbouring bit groups. */
export function countOnes(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  return Math.imul(x, 0x01010101) >>> 24;
}

/**
 * Differing bits of code i of `a` and code j of `b`.
 * @param length u32 a code
 */
export function hammingDistance(a: Uint32Array, i: number, b: Uint32Array, j: number, length: number): number {
  let bits = 0;
  for (let w = 0; w < length; w++) bits += countOnes(a[i * length + w] ^ b[j * length + w]);
  return bits;
}

/**
 * All distances between two lists of codes, each divided by `divisor` in float32; rows of `a` × rows of `b`.
 * @param divisor by default the padded width 32 · length, which is what similarities use whatever the true dimension is
 */
export function hammingMatrix(a: Uint32Array, b: Uint32Array, length: number, divisor = 32 * length): Float32Array {
  const rows = a.length / length;
  const columns = b.length / length;
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[i * columns + j] = hammingDistance(a, i, b, j, length) / divisor;
  return out;
}
