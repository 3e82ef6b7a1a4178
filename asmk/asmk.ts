/**
 * @file ASMK as the tasks use it.
 *
 * ```ts
 * const asmk = new Asmk(asmkParameters(yaml.asmk), backend);
 * await asmk.trainCodebook(vectors, onProgress);          // or asmk.useCodebook(readCodebook(file))
 * for (const [id, features] of …) await asmk.addImage(id, features);
 * const { ids, scores } = await asmk.search(queryFeatures);
 * ```
 */
import { checkArgument, checkOptions, floats, whole } from "../base/check.js";
import { UsageError } from "../base/errors.js";
import { type AsmkBackend, CpuBackend } from "./backend.js";
import { type Codebook, makeCodebook } from "./codebook.js";
import { explainScore, type WordVote } from "./explain.js";
import { InvertedFile } from "./inverted-file.js";
import { type KmeansOptions, type KmeansProgress, kmeans } from "./kmeans.js";
import {
  type AsmkParameters,
  checkAssignment,
  checkParameters,
  PARAMETER_RULES,
  type SearchOptions,
} from "./parameters.js";
import type { Ranking } from "./rank.js";
import type { VectorSource } from "./vectors.js";
import type { WordRows } from "./word-rows.js";

/** The local descriptors of one image, as networks return them: count × dim, not L2-normalised. */
export interface DescriptorSet {
  readonly count: number;
  readonly dim: number;
  readonly descriptors: Float32Array;
}

/** A codebook, an index under construction or in use, and the options; the arithmetic is the backend's. */
export class Asmk {
  private words: Codebook | null = null;
  private lists: InvertedFile | null = null;

  constructor(
    readonly parameters: AsmkParameters,
    readonly backend: AsmkBackend = new CpuBackend(),
  ) {
    checkParameters(parameters);
    checkArgument("Asmk: backend", backend, { expected: "a CpuBackend or GpuBackend", fits: isBackend });
  }

  /** @throws UsageError while there is none. */
  get codebook(): Codebook {
    if (!this.words)
      throw new UsageError("NoCodebook", "asmk: there is no codebook yet; train one or load one with useCodebook()");
    return this.words;
  }

  /** The index; an empty one is begun when there is none. @throws UsageError without a codebook */
  get index(): InvertedFile {
    this.lists ??= InvertedFile.create({
      words: this.codebook.words,
      dim: this.codebook.dim,
      binary: this.parameters.binary,
      useIdf: this.parameters.useIdf,
    });
    return this.lists;
  }

  /**
   * Trains the codebook of `parameters.words` words and uses it.
   * @throws as `kmeans`
   */
  async trainCodebook(
    vectors: VectorSource,
    onProgress?: (progress: KmeansProgress) => void,
    options: Omit<KmeansOptions, "onProgress"> = {},
  ): Promise<Codebook> {
    const { words, size } = this.parameters;
    const { centroids } = await kmeans(vectors, words, this.backend.assigner(), { ...options, onProgress });
    this.useCodebook(makeCodebook(centroids, vectors.dim, size));
    return this.codebook;
  }

  /** @throws UsageError when its number of words is not the configured one, or fewer than a descriptor is assigned to. */
  useCodebook(codebook: Codebook): void {
    const { words, size, databaseAssignment, queryAssignment } = this.parameters;
    if (codebook.words !== words)
      throw new UsageError(
        "CodebookSize",
        `asmk: codebook — expected ${words} words (codebook.size ${JSON.stringify(size)}), got ${codebook.words}; set codebook.size or train a codebook of that size`,
      );
    checkAssignment(Math.max(databaseAssignment, queryAssignment), codebook.words);
    this.words = codebook;
    this.lists = null;
  }

  /**
   * Uses an existing index, to search it or to add to it.
   * @throws UsageError when its words, dimension, code type or idf setting are not those of the codebook and options
   */
  useIndex(index: InvertedFile): void {
    const { words, dim } = this.codebook;
    const { binary, useIdf } = this.parameters;
    const want = { words, dim, binary, useIdf };
    for (const key of ["words", "dim", "binary", "useIdf"] as const)
      if (index[key] !== want[key])
        throw new UsageError(
          "IndexMismatch",
          `asmk: index — expected ${key} ${want[key]}, got ${index[key]}; it was built with another codebook or other options`,
        );
    this.lists = index;
  }

  /** Begins an index whose first images are the distractors of another one; their ids come back negative. */
  useDistractors(index: InvertedFile): void {
    this.useIndex(index.asDistractors());
  }

  /** Word rows of a database image, with the database's assignment. */
  encodeImage(id: number, features: DescriptorSet): Promise<WordRows> {
    return this.encode(id, features, this.parameters.databaseAssignment);
  }

  /** Word rows of a query, with the query's assignment. */
  encodeQuery(features: DescriptorSet): Promise<WordRows> {
    return this.encode(0, features, this.parameters.queryAssignment);
  }

  /** Adds an image; ids must rise. Images without descriptors add nothing. With idf see `InvertedFile.commit`. */
  async addImage(id: number, features: DescriptorSet): Promise<void> {
    checkArgument("addImage: id", id, whole(0, 2 ** 31 - 1));
    this.index.append(await this.encodeImage(id, features));
  }

  /** Closes the chunk of added images; `search` does it too. */
  async commit(): Promise<void> {
    await this.index.commit();
  }

  /** Ranks all images for one query, by `parameters` unless other options are given. */
  async search(query: DescriptorSet | WordRows, options: Partial<SearchOptions> = {}): Promise<Ranking> {
    checkSearch("search", options);
    const rows = query && typeof query === "object" && "codes" in query ? query : await this.encodeQuery(query);
    return (await this.searchAll([rows], options))[0];
  }

  /** Ranks all images for several encoded queries; an index larger than memory is then read once for all of them. */
  async searchAll(queries: readonly WordRows[], options: Partial<SearchOptions> = {}): Promise<Ranking[]> {
    checkSearch("searchAll", options);
    await this.index.commit();
    return this.backend.search(this.index, queries, { ...this.parameters, ...options });
  }

  /** The votes behind one image's score: which words matched, how similar, what they gave. */
  async explain(query: WordRows, id: number, options: Partial<SearchOptions> = {}): Promise<WordVote[]> {
    await this.index.commit();
    return explainScore(this.index, query, id, { ...this.parameters, ...options });
  }

  private encode(id: number, features: DescriptorSet, multipleAssignment: number): Promise<WordRows> {
    checkSet(features);
    const { count, dim, descriptors } = features;
    if (dim !== this.codebook.dim || descriptors.length !== count * dim)
      throw new UsageError(
        "DescriptorShape",
        `asmk: descriptors — expected rows of ${this.codebook.dim} values for this codebook, got ${count} × ${dim} in ${descriptors.length} values`,
      );
    const images = new Int32Array(count).fill(id);
    return this.backend.encode(this.codebook, descriptors, images, {
      multipleAssignment,
      binary: this.parameters.binary,
    });
  }
}

/** @throws UsageError unless it is a set of descriptors, whatever its dimension */
function checkSet(features: DescriptorSet): void {
  const { count, dim, descriptors } = (features ?? {}) as DescriptorSet;
  checkArgument("asmk: descriptors.count", count, whole(0));
  checkArgument("asmk: descriptors.dim", dim, whole(1));
  checkArgument("asmk: descriptors.descriptors", descriptors, floats);
}

function isBackend(value: unknown): boolean {
  return typeof (value as AsmkBackend | null)?.encode === "function";
}

/** Whole sets of parameters may be handed on. */
function checkSearch(name: string, options: Partial<SearchOptions>): void {
  checkOptions(name, options, PARAMETER_RULES);
}
