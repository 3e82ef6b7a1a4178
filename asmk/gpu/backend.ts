/** @file The arithmetic of ASMK on a device; see AsmkBackend for what is promised. */
import { checkOptions, oneOf, positive } from "../../base/check.js";
import { UsageError } from "../../base/errors.js";
import { Device } from "../../engine/device.js";
import { aggregate } from "../aggregate.js";
import type { Assigner } from "../assigner.js";
import type { AsmkBackend } from "../backend.js";
import type { Codebook } from "../codebook.js";
import type { InvertedFile } from "../inverted-file.js";
import { checkAssignment, type EncodeOptions, type SearchOptions } from "../parameters.js";
import { descriptorCount, quantise } from "../quantise.js";
import type { Ranking } from "../rank.js";
import type { WordRows } from "../word-rows.js";
import { aggregateOnDevice } from "./aggregate.js";
import type { Decided } from "./choose-words.js";
import { Kept, type Resident } from "./kept.js";
import { MOST_ASSIGNMENTS, type NearestOptions, type NearestVariant, nearestWords } from "./nearest.js";
import { searchOnDevice } from "./search.js";
import { WordTable } from "./word-table.js";

export interface GpuBackendOptions {
  /** Bytes of codebooks and index segments kept on the device between calls; default half the device's budget, or 2 GiB. */
  readonly keptBytes?: number;
  /** The scoring kernel, for tests; default what suits the device. */
  readonly nearest?: NearestVariant;
}

/** What a device copy is made of; the object is its key. */
type Words = Pick<Codebook, "centroids" | "dim" | "words">;

/** ASMK on a device that the caller opened and closes. */
export class GpuBackend implements AsmkBackend {
  readonly name: string;
  private readonly kept: Kept<object, Resident>;
  /** How words were decided so far, by quantise, encode and k-means: a cost that depends on the data. */
  readonly decided: Decided = { vectors: 0, refined: 0, searched: 0 };
  private readonly nearest: NearestOptions;
  private readonly leave: () => void;

  constructor(
    private readonly device: Device,
    options: GpuBackendOptions = {},
  ) {
    if (!(device instanceof Device))
      throw new UsageError("Argument", "GpuBackend: device — expected what openDevice() gives");
    checkOptions("GpuBackend", options, { keptBytes: positive, nearest: oneOf("subgroup", "workgroup") });
    this.name = `gpu (${device.caps.name})`;
    const most = Number.isFinite(device.limit.bytes) ? device.limit.bytes / 2 : 2 ** 31;
    this.nearest = { variant: options.nearest, decided: this.decided };
    this.kept = new Kept(options.keptBytes ?? most);
    this.leave = device.limit.addResident(() => this.kept.clear());
  }

  assigner(): Assigner {
    let current: Words | undefined;
    return {
      setCentroids: (centroids, dim) => {
        if (current) this.kept.forget(current);
        current = { centroids, dim, words: centroids.length / dim };
      },
      assign: async (vectors) => {
        if (!current) throw new Error("asmk: assigner — expected setCentroids before assign");
        return await this.withTable(current, (table) => nearestWords(this.device, table, vectors, 1, this.nearest));
      },
    };
  }

  async quantise(codebook: Codebook, descriptors: Float32Array, multipleAssignment: number): Promise<Int32Array> {
    checkAssignment(multipleAssignment, codebook.words);
    if (descriptorCount(codebook, descriptors) === 0) return new Int32Array(0);
    if (multipleAssignment > MOST_ASSIGNMENTS) return quantise(codebook, descriptors, multipleAssignment);
    return await this.withTable(codebook, (table) => this.wordsOf(table, descriptors, multipleAssignment));
  }

  async encode(
    codebook: Codebook,
    descriptors: Float32Array,
    images: Int32Array,
    { multipleAssignment, binary }: EncodeOptions,
  ): Promise<WordRows> {
    const words = await this.quantise(codebook, descriptors, multipleAssignment);
    // nothing to do on a device, and all checks
    if (images.length === 0) return aggregate(codebook, descriptors, words, images, binary);
    return await this.withTable(codebook, (table) =>
      aggregateOnDevice(this.device, table, codebook, descriptors, words, images, binary),
    );
  }

  search(index: InvertedFile, queries: readonly WordRows[], options: SearchOptions): Promise<Ranking[]> {
    return searchOnDevice(this.device, this.kept, index, queries, options);
  }

  destroy(): void {
    this.kept.clear();
    this.leave();
  }

  private async wordsOf(table: WordTable, descriptors: Float32Array, m: number): Promise<Int32Array> {
    return (await nearestWords(this.device, table, descriptors, m, this.nearest)).words;
  }

  private withTable<R>(words: Words, body: (table: WordTable) => Promise<R>): Promise<R> {
    const make = () => new WordTable(this.device, words.centroids, words.dim);
    return this.kept.use(words, WordTable.bytesOf(words), make, (table) => body(table as WordTable));
  }
}
