/**
 * @file Mean and covariance of descriptors that come in pieces, in float64 and in memory that does not depend on their
 * number. Rows are gathered in blocks of a fixed size, so the result does not depend on how they were handed over.
 */
import { NumericError } from "../../base/errors.js";
import type { Rows } from "../losses/normalise.js";

/** Rows multiplied at once: their columns stay in the cache. */
const BLOCK = 128;
/** Side of the tile of the covariance that a loop keeps in registers. */
const TILE = 4;

export class Covariance {
  private rows = 0;
  private held = 0;
  /** Columns of the rows not yet multiplied: dim × BLOCK. */
  private readonly block: Float64Array;
  /** Mean of the first block. Subtracting it first keeps the digits that a large mean would cost. */
  private origin: Float64Array | undefined;
  private readonly sums: Float64Array;
  /** Σ (x − origin)(x − origin)ᵀ, upper triangle by tiles. */
  private readonly products: Float64Array;
  private readonly padded: number;

  constructor(readonly dim: number) {
    this.padded = Math.ceil(dim / TILE) * TILE;
    this.block = new Float64Array(this.padded * BLOCK);
    this.sums = new Float64Array(dim);
    this.products = new Float64Array(this.padded * this.padded);
  }

  /** Number of rows so far. */
  get count(): number {
    return this.rows;
  }

  /** Adds rows of `dim` values. @throws NumericError when one of them is not finite */
  add(rows: Rows): void {
    const { dim, block } = this;
    for (let at = 0; at < rows.length; at += dim) {
      for (let i = 0; i < dim; i++) {
        const value = rows[at + i];
        if (!Number.isFinite(value))
          throw new NumericError("NotFinite", `whitening: value ${i} of descriptor ${this.rows} is ${value}`);
        block[i * BLOCK + this.held] = value;
      }
      this.rows++;
      if (++this.held === BLOCK) this.flush();
    }
  }

  /** Mean row and population covariance (divided by the number of rows), dim × dim. */
  result(): { mean: Float64Array; covariance: Float64Array } {
    if (this.held > 0) this.flush();
    const { dim, padded, sums, products, rows: n } = this;
    if (n === 0) throw new NumericError("NoSamples", "whitening: no descriptors were given");
    const origin = this.origin as Float64Array;
    const covariance = new Float64Array(dim * dim);
    for (let i = 0; i < dim; i++)
      for (let j = i; j < dim; j++) {
        const value = products[i * padded + j] / n - (sums[i] / n) * (sums[j] / n);
        covariance[i * dim + j] = value;
        covariance[j * dim + i] = value;
      }
    return { mean: sums.map((s, i) => origin[i] + s / n), covariance };
  }

  private flush(): void {
    const { dim, block, held, sums } = this;
    this.origin ??= Float64Array.from({ length: dim }, (_, i) => {
      let sum = 0;
      for (let r = 0; r < held; r++) sum += block[i * BLOCK + r];
      return sum / held;
    });
    for (let i = 0; i < dim; i++) {
      const column = i * BLOCK;
      for (let r = 0; r < held; r++) {
        block[column + r] -= this.origin[i];
        sums[i] += block[column + r];
      }
      block.fill(0, column + held, column + BLOCK);
    }
    for (let i = 0; i < this.padded; i += TILE) for (let j = i; j < this.padded; j += TILE) this.multiplyTile(i, j);
    this.held = 0;
  }

  /** products[i…i+3, j…j+3] += columns i…i+3 times columns j…j+3. */
  private multiplyTile(i: number, j: number): void {
    const { block, products: out, padded } = this;
    let [a0, a1, a2, a3] = [0, 0, 0, 0];
    let [b0, b1, b2, b3] = [0, 0, 0, 0];
    let [c0, c1, c2, c3] = [0, 0, 0, 0];
    let [d0, d1, d2, d3] = [0, 0, 0, 0];
    const x = i * BLOCK;
    const y = j * BLOCK;
    for (let r = 0; r < BLOCK; r++) {
      const p0 = block[x + r];
      const p1 = block[x + BLOCK + r];
      const p2 = block[x + 2 * BLOCK + r];
      const p3 = block[x + 3 * BLOCK + r];
      const q0 = block[y + r];
      const q1 = block[y + BLOCK + r];
      const q2 = block[y + 2 * BLOCK + r];
      const q3 = block[y + 3 * BLOCK + r];
      a0 += p0 * q0;
      a1 += p0 * q1;
      a2 += p0 * q2;
      a3 += p0 * q3;
      b0 += p1 * q0;
      b1 += p1 * q1;
      b2 += p1 * q2;
      b3 += p1 * q3;
      c0 += p2 * q0;
      c1 += p2 * q1;
      c2 += p2 * q2;
      c3 += p2 * q3;
      d0 += p3 * q0;
      d1 += p3 * q1;
      d2 += p3 * q2;
      d3 += p3 * q3;
    }
    const tile = [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3];
    for (let t = 0; t < TILE * TILE; t++) out[(i + (t >> 2)) * padded + j + (t & 3)] += tile[t];
  }
}
