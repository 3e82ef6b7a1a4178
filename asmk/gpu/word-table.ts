/** @file Centroids on a device: row-major in float32, and as halves in panels, in parts that fit a binding. */
import type { Device } from "../../engine/device.js";
import { pad4 } from "../../engine/op.js";
import { groupsFor } from "../../engine/ops/launch.js";
import type { Tensor } from "../../engine/tensor.js";
import { squaredNorms } from "../nearest.js";

/** Words come in tiles of so many: the widest tile of the scoring kernels. */
export const WORD_TILE = 128;
/** Scaled half norm of a word that only fills up a tile: it loses against every real one. */
const FAR = 1e38;

/**
 * Relative error of a float32 sum of `dim` products or squares, each rounded, and of the few operations around it.
 * @param dim number of terms
 */
export function sumError(dim: number): number {
  return (dim + 8) * 2 ** -24;
}

/** Words first … first+words−1 of a codebook, padded to whole tiles. */
export interface WordPart {
  readonly first: number;
  readonly words: number;
  /** Words in this part, padding included: a multiple of WORD_TILE. */
  readonly padded: number;
  /** [padded, dim4 · 4] */
  readonly rows: Tensor;
  /** Halves of scale · c, two a u32, in panels of 32 words: [padded / 32, dim4 · 4, 16]. */
  readonly panels: Tensor;
  /** scale · ‖c‖² / 2 [padded], rounded down */
  readonly halfNorms: Tensor;
  /** scale · e(c) [padded]: products of x with the panels are wrong by at most ‖x‖ · e(c). */
  readonly errors: Tensor;
}

/** The device copy of a codebook: once for distances and residuals, once as halves for scores. */
export class WordTable {
  readonly parts: readonly WordPart[];
  /** vec4 a word; dimensions are padded with zeros, which changes no distance and no residual. */
  readonly dim4: number;
  /** Words of all parts, padding included. */
  readonly padded: number;
  /** ‖c‖² in float64, as the CPU twin uses them. */
  readonly norms: Float64Array;
  /** The power of two that brings the largest component near 2¹⁵, where halves are finest and do not overflow. */
  readonly scale: number;

  /** @param centroids words × dim, to stay unchanged: vectors that float32 cannot decide are compared with these */
  constructor(
    device: Device,
    readonly centroids: Float32Array,
    readonly dim: number,
  ) {
    this.dim4 = pad4(dim) / 4;
    this.norms = squaredNorms(centroids, dim);
    const largest = centroids.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    this.scale = 2 ** Math.min(100, 14 - Math.floor(Math.log2(largest || 1)));
    const tileBytes = WORD_TILE * this.dim4 * 16;
    const most = Math.max(1, Math.floor(device.maxBinding / tileBytes)) * WORD_TILE;
    const parts: WordPart[] = [];
    for (let first = 0; first < this.words; first += most)
      parts.push(this.part(device, first, Math.min(most, this.words - first)));
    this.parts = parts;
    this.padded = parts.reduce((n, p) => n + p.padded, 0);
  }

  /** Device bytes that a codebook takes, but for its padding. */
  static bytesOf({ words, dim }: { readonly words: number; readonly dim: number }): number {
    return words * (6 * pad4(dim) + 8);
  }

  get words(): number {
    return this.norms.length;
  }

  get bytes(): number {
    return this.parts.reduce((n, p) => n + tensorsOf(p).reduce((bytes, t) => bytes + t.bytes, 0), 0);
  }

  free(): void {
    for (const p of this.parts) for (const t of tensorsOf(p)) t.free();
  }

  private part(device: Device, first: number, words: number): WordPart {
    const { dim, scale } = this;
    const padded = Math.ceil(words / WORD_TILE) * WORD_TILE;
    const width = this.dim4 * 4;
    const data = padRows(this.centroids.subarray(first * dim, (first + words) * dim), dim, padded);
    const rows = device.upload(data, [padded, width], "words");
    const panels = device.empty([padded / 32, width, 16], "u32", "half panels");
    const count = (padded * width) / 8;
    device.dispatch({
      shader: "asmk/pack_half.wgsl",
      constants: {},
      reads: [rows],
      writes: [panels],
      params: [count, width, { f32: scale }],
      groups: groupsFor(count),
      label: `packHalf/${padded}x${width}`,
      cost: { flops: 0, bytes: rows.bytes + panels.bytes },
    });
    const halfNorms = new Float32Array(padded).fill(FAR);
    const errors = new Float32Array(padded);
    // halves are wrong by 2^-11 of a component, or by 2^-14 where they become zero
    const relative = 2 ** -11 + sumError(dim);
    const flushed = (Math.sqrt(dim) * 2 ** -14) / scale;
    for (let w = 0; w < words; w++) {
      const norm = this.norms[first + w];
      halfNorms[w] = (scale * norm * (1 - 2 ** -21)) / 2;
      errors[w] = scale * (relative * Math.sqrt(norm) + flushed) * (1 + 2 ** -21);
    }
    return {
      ...{ first, words, padded, rows, panels },
      halfNorms: device.upload(halfNorms, [padded], "half norms"),
      errors: device.upload(errors, [padded], "score errors"),
    };
  }
}

function tensorsOf({ rows, panels, halfNorms, errors }: WordPart): Tensor[] {
  return [rows, panels, halfNorms, errors];
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
