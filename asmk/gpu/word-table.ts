/** @file Centroids on a device: row-major and in panels, in parts that fit a binding. */
import type { Device } from "../../engine/device.js";
import { pad4, run } from "../../engine/op.js";
import { packPanels, rightTransposed } from "../../engine/ops/pack.js";
import type { Tensor } from "../../engine/tensor.js";
import { squaredNorms } from "../nearest.js";

/** Words come in tiles of so many: the widest tile of the scoring kernels. */
export const WORD_TILE = 128;
/** Half the squared norm of a word that only fills up a tile: it loses against every real one. */
const FAR = 1e38;

/** Words first … first+words−1 of a codebook, padded to whole tiles. */
export interface WordPart {
  readonly first: number;
  readonly words: number;
  /** words in this part, padding included: a multiple of WORD_TILE */
  readonly padded: number;
  /** [padded, dim4 · 4] */
  readonly rows: Tensor;
  /** Panels of 32 words: [padded / 32, dim4 · 4, 32]. */
  readonly panels: Tensor;
  /** ‖c‖² / 2 [padded] */
  readonly halfNorms: Tensor;
}

/** The device copy of a codebook. Takes twice its size, once for scores and once for distances and residuals. */
export class WordTable {
  readonly parts: readonly WordPart[];
  /** vec4 a word; dimensions are padded with zeros, which changes no distance and no residual. */
  readonly dim4: number;
  /** Words of all parts, padding included. */
  readonly padded: number;
  /** ‖c‖² in float64, as the CPU twin uses them. */
  readonly norms: Float64Array;
  readonly largestNorm: number;

  /** @param centroids words × dim; not read any more after the constructor, except by callers that share it */
  constructor(
    device: Device,
    readonly centroids: Float32Array,
    readonly dim: number,
  ) {
    this.dim4 = pad4(dim) / 4;
    this.norms = squaredNorms(centroids, dim);
    this.largestNorm = this.norms.reduce((a, b) => Math.max(a, b), 0);
    const tileBytes = WORD_TILE * this.dim4 * 16;
    const most = Math.max(1, Math.floor(device.maxBinding / tileBytes)) * WORD_TILE;
    const parts: WordPart[] = [];
    for (let first = 0; first < this.words; first += most)
      parts.push(this.part(device, first, Math.min(most, this.words - first)));
    this.parts = parts;
    this.padded = parts.reduce((n, p) => n + p.padded, 0);
  }

  get words(): number {
    return this.norms.length;
  }

  get bytes(): number {
    return this.parts.reduce((n, p) => n + p.rows.bytes + p.panels.bytes + p.halfNorms.bytes, 0);
  }

  /** Device bytes that a codebook takes, but for its padding. */
  static bytesOf({ words, dim }: { readonly words: number; readonly dim: number }): number {
    return words * (2 * pad4(dim) + 1) * 4;
  }

  free(): void {
    for (const p of this.parts) for (const t of [p.rows, p.panels, p.halfNorms]) t.free();
  }

  private part(device: Device, first: number, words: number): WordPart {
    const padded = Math.ceil(words / WORD_TILE) * WORD_TILE;
    const width = this.dim4 * 4;
    const rows = padRows(this.centroids.subarray(first * this.dim, (first + words) * this.dim), this.dim, padded);
    const halfNorms = new Float32Array(padded).fill(FAR);
    for (let w = 0; w < words; w++) halfNorms[w] = this.norms[first + w] / 2;
    const table = device.upload(rows, [padded, width], "words");
    return {
      first,
      words,
      padded,
      rows: table,
      panels: run(device, packPanels, [table], rightTransposed(padded, width)),
      halfNorms: device.upload(halfNorms, [padded], "half norms"),
    };
  }
}

/** Rows of `dim` values padded to vec4 with zeros, and zero rows up to `count`; the array itself where nothing is missing. */
export function padRows(rows: Float32Array, dim: number, count = rows.length / dim): Float32Array {
  const width = pad4(dim);
  const own = rows.length / dim;
  if (width === dim && count === own) return rows;
  const out = new Float32Array(count * width);
  if (width === dim) out.set(rows);
  else for (let r = 0; r < own; r++) out.set(rows.subarray(r * dim, (r + 1) * dim), r * width);
  return out;
}
