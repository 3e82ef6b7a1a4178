/** @file Where many descriptors come from: in memory, in pieces, or picked from another source, read block by block. */
import { checkArgument, floats, whole } from "../base/check.js";
import { UsageError } from "../base/errors.js";

/** A list of `count` float32 vectors of `dim` components that need not be in memory. */
export interface VectorSource {
  readonly count: number;
  readonly dim: number;
  /** Rows begin … end−1, row-major, (end − begin) × dim values. The array may be a view: do not write to it. */
  read(begin: number, end: number): Float32Array | Promise<Float32Array>;
}

/** One array, row-major, count × dim. @throws UsageError when the data are no whole number of rows. */
export class MemoryVectors implements VectorSource {
  readonly count: number;
  constructor(
    readonly data: Float32Array,
    readonly dim: number,
  ) {
    checkArgument("MemoryVectors: data", data, floats);
    checkArgument("MemoryVectors: dim", dim, whole(1));
    this.count = data.length / dim;
    if (!Number.isInteger(this.count))
      throw new UsageError(
        "AsmkVectors",
        `asmk: vectors — expected a multiple of ${dim} values, got ${data.length}; is the dimension right?`,
      );
  }

  read(begin: number, end: number): Float32Array {
    return this.data.subarray(begin * this.dim, end * this.dim);
  }
}

/** Several arrays one after another, for example one an image: millions of vectors without a copy into one array. */
export class ChunkedVectors implements VectorSource {
  readonly count: number;
  /** First row of each chunk, and the total at the end. */
  private readonly starts: Float64Array;

  /** @param chunks arrays of rows, each a multiple of dim long; empty ones are allowed */
  constructor(
    private readonly chunks: readonly Float32Array[],
    readonly dim: number,
  ) {
    if (!Array.isArray(chunks))
      checkArgument("ChunkedVectors: chunks", chunks, { expected: "a list of Float32Arrays", fits: () => false });
    this.starts = new Float64Array(chunks.length + 1);
    for (let c = 0; c < chunks.length; c++)
      this.starts[c + 1] = this.starts[c] + new MemoryVectors(chunks[c], dim).count;
    this.count = this.starts[chunks.length];
  }

  read(begin: number, end: number): Float32Array {
    const { dim, starts, chunks } = this;
    const out = new Float32Array((end - begin) * dim);
    let c = this.chunkOf(begin);
    for (let row = begin; row < end; c++) {
      const stop = Math.min(end, starts[c + 1]);
      const from = row - starts[c];
      out.set(chunks[c].subarray(from * dim, (from + stop - row) * dim), (row - begin) * dim);
      row = stop;
    }
    return out;
  }

  private chunkOf(row: number): number {
    let low = 0;
    let high = this.chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= row) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Some rows of another source, in the order given. */
export class SelectedVectors implements VectorSource {
  readonly count: number;
  readonly dim: number;
  constructor(
    private readonly source: VectorSource,
    private readonly rows: Uint32Array,
  ) {
    this.count = rows.length;
    this.dim = source.dim;
  }

  read(begin: number, end: number): Promise<Float32Array> {
    return gatherRows(this.source, this.rows.subarray(begin, end));
  }
}

/** Rows apart by less than this are read together with those between them: one long read is cheaper than two. */
const NEAR = 8;

/** The given rows of a source, copied, in the order given. Ascending rows close to each other are read at once. */
export async function gatherRows(source: VectorSource, rows: Uint32Array): Promise<Float32Array> {
  const { dim } = source;
  const out = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; ) {
    let n = 1;
    while (i + n < rows.length && rows[i + n] > rows[i + n - 1] && rows[i + n] - rows[i + n - 1] < NEAR) n++;
    const first = rows[i];
    const block = source.read(first, rows[i + n - 1] + 1);
    const values = block instanceof Float32Array ? block : await block;
    for (const end = i + n; i < end; i++)
      out.set(values.subarray((rows[i] - first) * dim, (rows[i] - first + 1) * dim), i * dim);
  }
  return out;
}
