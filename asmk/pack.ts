/** @file Sign bits of residuals, packed (asmk.md §4). */

/** Number of u32 that hold `dim` bits. */
export function packedLength(dim: number): number {
  return Math.ceil(dim / 32);
}

/**
 * Packs the signs of one row into `codes`: bit 1 iff the component is strictly positive (0, −0 and NaN give 0); the first
 * component is the most significant bit of the first u32, the tail of the last u32 is zero.
 * @param values holds the row at [from, from + dim)
 * @param codes receives packedLength(dim) words at `to`
 */
export function packRow(values: Float32Array, from: number, dim: number, codes: Uint32Array, to: number): void {
  for (let start = 0; start < dim; start += 32) {
    const stop = Math.min(dim, start + 32);
    let bits = 0;
    for (let d = start; d < stop; d++) if (values[from + d] > 0) bits |= 1 << (31 - (d - start));
    codes[to + start / 32] = bits;
  }
}

/** Packs all rows of a count × dim array; returns count × packedLength(dim). */
export function packRows(values: Float32Array, dim: number): Uint32Array {
  const length = packedLength(dim);
  const count = values.length / dim;
  const codes = new Uint32Array(count * length);
  for (let i = 0; i < count; i++) packRow(values, i * dim, dim, codes, i * length);
  return codes;
}
