/** @file The inverted file (asmk.md §6): which images have which words, with what codes. */
import { UsageError } from "../base/errors.js";
import { buildSegment, mergeSegments, residentRef, type SegmentRef, segmentCapacity } from "./segment.js";
import { codeLength, imageRuns, isBinary, sliceRows, type WordRows } from "./word-rows.js";

/** What an inverted file is made of, for files that store it. Arrays are not copied. */
export interface InvertedFileState {
  readonly words: number;
  readonly dim: number;
  readonly binary: boolean;
  readonly useIdf: boolean;
  /** Number of distractor images in front of the others; returned ids are image ids minus this. */
  readonly imidOffset: number;
  /** Highest image id + 1; ids that never occurred are images without entries. */
  readonly imageCount: number;
  /** Entries of each word. */
  readonly counts: Int32Array;
  /** `counts` as they were when the last chunk was closed. */
  readonly committedCounts: Int32Array;
  /** Weight of each word; 1 until a chunk with the word is closed, and always 1 without idf. */
  readonly idf: Float32Array;
  /** Per image: number of its words, with idf the sum of their weights. */
  readonly norms: Float64Array;
  readonly segments: readonly SegmentRef[];
}

/**
 * Grows image by image. Rows are appended to an open chunk; `commit` closes it, which is when the reference's idf is
 * computed: only for words the chunk touched, from the number of images at that moment. One chunk or several therefore
 * give different idf, as in the reference, but a chunk costs no memory beyond its entries.
 */
export class InvertedFile {
  readonly counts: Int32Array;
  readonly idf: Float32Array;
  private committedCounts: Int32Array;
  private norms: Float64Array;
  private refs: SegmentRef[];
  private pending: WordRows[] = [];
  private pendingEntries = 0;
  private images: number;
  private roots: Float64Array | null = null;
  private open: boolean;
  private readonly capacity: number;

  private constructor(
    readonly words: number,
    readonly dim: number,
    readonly binary: boolean,
    readonly useIdf: boolean,
    /** Number of distractor images; see InvertedFileState. */
    readonly imidOffset: number,
    state?: InvertedFileState,
    capacity?: number,
  ) {
    this.counts = state?.counts ?? new Int32Array(words);
    this.committedCounts = state?.committedCounts ?? new Int32Array(words);
    this.idf = state?.idf ?? new Float32Array(words).fill(1);
    this.norms = state?.norms ?? new Float64Array(0);
    this.refs = [...(state?.segments ?? [])];
    this.images = state?.imageCount ?? 0;
    this.open = this.counts.some((c, w) => c !== this.committedCounts[w]);
    this.capacity = capacity ?? segmentCapacity(dim, binary);
  }

  /** An empty index. @param segmentEntries most entries a segment takes, for tests */
  static create(
    options: Pick<InvertedFileState, "words" | "dim" | "binary" | "useIdf">,
    segmentEntries?: number,
  ): InvertedFile {
    const { words, dim, binary, useIdf } = options;
    return new InvertedFile(words, dim, binary, useIdf, 0, undefined, segmentEntries);
  }

  /** An index from its parts, which it takes over. */
  static from(state: InvertedFileState): InvertedFile {
    return new InvertedFile(state.words, state.dim, state.binary, state.useIdf, state.imidOffset, state);
  }

  /** Images counted so far: highest id + 1, distractors included. */
  get imageCount(): number {
    return this.images;
  }

  /** Entries in all lists, pending ones included. */
  get entryCount(): number {
    return this.refs.reduce((n, s) => n + s.entries, this.pendingEntries);
  }

  /** The pieces, by ascending image ids; rows of an open chunk may be missing until it is closed. */
  get segments(): readonly SegmentRef[] {
    return this.refs;
  }

  /** True while rows were appended that no `commit` has closed. */
  get isOpen(): boolean {
    return this.open;
  }

  /**
   * Appends rows to the open chunk. Image ids, plus the distractor offset, must be above all earlier ones. The arrays are
   * kept until the rows are sorted into a segment: do not change them.
   * @throws UsageError when ids are not above the earlier ones, or the rows do not fit the index
   */
  append(rows: WordRows): void {
    this.check(rows);
    for (const [begin, end] of imageRuns(rows.images)) {
      if (this.pendingEntries > 0 && this.pendingEntries + end - begin > this.capacity) this.flush();
      const image = rows.images[begin] + this.imidOffset;
      const part = sliceRows(rows, begin, end);
      this.pending.push({ ...part, images: part.images.map((id) => id + this.imidOffset) });
      this.pendingEntries += end - begin;
      for (const w of part.words) this.counts[w]++;
      this.images = image + 1;
      this.normsFor(this.images)[image] = end - begin;
      this.open = true;
    }
  }

  /**
   * Closes the chunk: sorts pending rows, and with idf gives the touched words their weight ln(images / entries)² and
   * sums the norms anew. An index can be searched and stored when its chunk is closed. Does nothing without new rows.
   */
  async commit(): Promise<void> {
    this.flush();
    if (!this.open) return;
    if (this.useIdf) {
      for (let w = 0; w < this.words; w++)
        if (this.counts[w] !== this.committedCounts[w]) this.idf[w] = Math.log(this.images / this.counts[w]) ** 2;
      await this.sumIdfNorms();
    }
    this.committedCounts = this.counts.slice();
    this.roots = null;
    this.open = false;
  }

  /** One chunk in one call: what the reference's `add` does. */
  async add(rows: WordRows): Promise<void> {
    if (this.open) await this.commit();
    this.append(rows);
    await this.commit();
  }

  /** A new index that begins with all images of this one as distractors; both share the stored entries. */
  asDistractors(): InvertedFile {
    const state = this.state();
    return InvertedFile.from({
      ...state,
      imidOffset: state.imageCount,
      counts: state.counts.slice(),
      committedCounts: state.committedCounts.slice(),
      idf: state.idf.slice(),
      norms: state.norms.slice(),
    });
  }

  /** √norm of each image, by which its scores are divided; infinity where the norm is 0, so that such images score 0. */
  rootNorms(): Float64Array {
    this.roots ??= this.norms.subarray(0, this.images).map((n) => (n > 0 ? Math.sqrt(n) : Number.POSITIVE_INFINITY));
    return this.roots;
  }

  /** The parts, with pending rows sorted into segments; an open chunk stays open. Arrays are the index's own. */
  state(): InvertedFileState {
    this.flush();
    const { words, dim, binary, useIdf, imidOffset, counts, committedCounts, idf } = this;
    return {
      ...{ words, dim, binary, useIdf, imidOffset, counts, committedCounts, idf },
      imageCount: this.images,
      norms: this.norms.subarray(0, this.images),
      segments: this.refs,
    };
  }

  /** Copies of one word's list: image ids in order of insertion, and their codes. */
  async entriesOf(word: number): Promise<{ images: Uint32Array; codes: Uint32Array | Float32Array }> {
    this.flush();
    const length = codeLength(this.dim, this.binary);
    const images = new Uint32Array(this.counts[word]);
    const codes = this.binary ? new Uint32Array(images.length * length) : new Float32Array(images.length * length);
    let at = 0;
    for (const ref of this.refs) {
      const { offsets, images: from, codes: fromCodes } = ref.resident ?? (await ref.load());
      const [begin, end] = [offsets[word], offsets[word + 1]];
      images.set(from.subarray(begin, end), at);
      codes.set(fromCodes.subarray(begin * length, end * length), at * length);
      at += end - begin;
    }
    return { images, codes };
  }

  /** Sorts pending rows into a segment, and joins small neighbours so that their number grows only with the logarithm. */
  private flush(): void {
    if (this.pendingEntries === 0) return;
    this.refs.push(residentRef(buildSegment(this.pending, this.words, this.dim, this.binary)));
    this.pending = [];
    this.pendingEntries = 0;
    while (this.refs.length > 1) {
      const [a, b] = this.refs.slice(-2);
      const small = a.entries <= 2 * b.entries && a.entries + b.entries <= this.capacity;
      if (!small || !a.resident || !b.resident) break;
      this.refs.splice(-2, 2, residentRef(mergeSegments(a.resident, b.resident)));
    }
  }

  /** norm = Σ idf over the entries of an image, in word order, in float64 (the reference's order). */
  private async sumIdfNorms(): Promise<void> {
    this.norms.fill(0);
    for (const ref of this.refs) {
      const { offsets, images } = ref.resident ?? (await ref.load());
      for (let w = 0; w < this.words; w++)
        for (let e = offsets[w]; e < offsets[w + 1]; e++) this.norms[images[e]] += this.idf[w];
    }
  }

  private normsFor(images: number): Float64Array {
    if (images > this.norms.length) {
      const larger = new Float64Array(Math.max(images, 2 * this.norms.length));
      larger.set(this.norms);
      this.norms = larger;
    }
    return this.norms;
  }

  private check(rows: WordRows): void {
    const fail = (detail: string) => new UsageError("IndexRows", `asmk: inverted file — ${detail}`);
    if (rows.dim !== this.dim || isBinary(rows) !== this.binary)
      throw fail(
        `expected ${this.binary ? "binary" : "float"} codes of dimension ${this.dim}, got ${isBinary(rows) ? "binary" : "float"} of dimension ${rows.dim}`,
      );
    if (rows.words.length !== rows.images.length)
      throw fail(`expected as many words as image ids, got ${rows.words.length} and ${rows.images.length}`);
    let least = this.images;
    for (let i = 0; i < rows.images.length; i++) {
      const image = rows.images[i] + this.imidOffset;
      const same = i > 0 && rows.images[i] === rows.images[i - 1];
      if (!same && image < least)
        throw fail(`image ids must rise: expected at least ${least - this.imidOffset}, got ${rows.images[i]}`);
      least = image + 1;
      const word = rows.words[i];
      if (word < 0 || word >= this.words) throw fail(`word id ${word} is outside 0 … ${this.words - 1}`);
      if (same && word <= rows.words[i - 1]) throw fail(`words of image ${rows.images[i]} must rise, got ${word}`);
    }
  }
}
