/** @file What does the arithmetic of ASMK: one interface, a CPU implementation here and GPU ones beside it. */
import { aggregate } from "./aggregate.js";
import { type Assigner, CpuAssigner } from "./assigner.js";
import type { Codebook } from "./codebook.js";
import type { InvertedFile } from "./inverted-file.js";
import type { EncodeOptions, SearchOptions } from "./parameters.js";
import { quantise } from "./quantise.js";
import type { Ranking } from "./rank.js";
import { searchIndex } from "./search.js";
import type { WordRows } from "./word-rows.js";

/**
 * Implementations agree with the CPU twin: words, codes and order of rows exactly where distances and residuals are not
 * within rounding of a tie, scores within a stated tolerance, ties in rankings by ascending id. They may keep device
 * copies of codebooks and segments, both of which never change.
 */
export interface AsmkBackend {
  /** For reports, for example "cpu". */
  readonly name: string;
  /** A fresh assigner for one training run. */
  assigner(): Assigner;
  /** As `quantise` of quantise.ts: count × multipleAssignment word ids, nearest first. */
  quantise(codebook: Codebook, descriptors: Float32Array, multipleAssignment: number): Promise<Int32Array>;
  /**
   * Quantises and aggregates one or more images.
   * @param descriptors count × codebook.dim
   * @param images count image ids, never falling
   */
  encode(codebook: Codebook, descriptors: Float32Array, images: Int32Array, options: EncodeOptions): Promise<WordRows>;
  /** As `searchIndex` of search.ts: one ranking a query. */
  search(index: InvertedFile, queries: readonly WordRows[], options: SearchOptions): Promise<Ranking[]>;
  /** Frees what is kept on a device. */
  destroy(): void;
}

/** Everything in this process, on one thread: exact, and the measure of the others. */
export class CpuBackend implements AsmkBackend {
  readonly name = "cpu";

  assigner(): Assigner {
    return new CpuAssigner();
  }

  async quantise(codebook: Codebook, descriptors: Float32Array, multipleAssignment: number): Promise<Int32Array> {
    return quantise(codebook, descriptors, multipleAssignment);
  }

  async encode(
    codebook: Codebook,
    descriptors: Float32Array,
    images: Int32Array,
    options: EncodeOptions,
  ): Promise<WordRows> {
    const words = quantise(codebook, descriptors, options.multipleAssignment);
    return aggregate(codebook, descriptors, words, images, options.binary);
  }

  search(index: InvertedFile, queries: readonly WordRows[], options: SearchOptions): Promise<Ranking[]> {
    return searchIndex(index, queries, options);
  }

  destroy(): void {}
}
