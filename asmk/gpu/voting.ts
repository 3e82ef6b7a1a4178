/** @file The votes of many queries, segment by segment: launches, and sums back to scores. */
import type { Device } from "../../engine/device.js";
import { pad4 } from "../../engine/op.js";
import type { Tensor } from "../../engine/tensor.js";
import type { InvertedFile } from "../inverted-file.js";
import type { SearchOptions } from "../parameters.js";
import type { Ranking } from "../rank.js";
import { queryNorm } from "../search.js";
import type { SegmentRef } from "../segment.js";
import { hammingScores } from "../similarity.js";
import { codeLength, type WordRows } from "../word-rows.js";
import { ScoreCollector } from "./score-collector.js";
import { deviceCodeLength, type SegmentShards, type Shard } from "./segment-shards.js";
import { PIECE_WORDS, quantaFor, scoreBits, type VotePlan, type VotingQuery, votePlans } from "./vote-plan.js";
import { padRows } from "./word-table.js";

/** Most bytes of sums a launch. */
const SUM_BYTES = 32 * 2 ** 20;
/** Bytes of one sum: 64 bits. */
const SUM = 8;
/** Most pairs a launch: drivers end launches that take seconds. */
const MOST_PAIRS = 2 ** 26;
/** Whole powers of float similarities up to this one are products, others come from pow(). */
export const MOST_POWER = 64;

/** Queries that are searched by one launch. */
interface Batch {
  /** Index of its first query; the others follow. */
  readonly first: number;
  readonly queries: readonly VotingQuery[];
  readonly codes: Tensor;
}

/** Images whose sums a launch holds. */
interface ImageWindow {
  readonly first: number;
  readonly count: number;
  readonly inverseRoots: Tensor;
}

/** Sums on their way back. */
interface Reading {
  readonly batch: Batch;
  readonly window: ImageWindow;
  readonly sums: Promise<Uint32Array>;
}

/** One search: its queries on the device, and their scores as segments pass by. */
export class Voting {
  private readonly batches: readonly Batch[];
  private readonly collectors: readonly ScoreCollector[];
  /** Σ idf by query. */
  private readonly norms: readonly number[];
  /** sim^alpha by Hamming distance, 0 below the threshold; binary codes only. */
  private readonly table: Tensor | undefined;
  private readonly mostImages: number;
  private pending: Reading | undefined;

  constructor(
    private readonly device: Device,
    private readonly index: InvertedFile,
    queries: readonly WordRows[],
    private readonly options: SearchOptions,
  ) {
    this.norms = queries.map((q) => queryNorm(index, q));
    this.collectors = queries.map(() => new ScoreCollector(index.imageCount, options.topk));
    const sumBytes = Math.max(SUM, Math.min(device.maxBinding, SUM_BYTES, device.room / 8));
    const widest = index.segments.reduce((n, s) => Math.max(n, s.endImage - s.firstImage), 1);
    this.mostImages = Math.min(widest, Math.floor(sumBytes / SUM));
    this.batches = this.makeBatches(queries, Math.floor(sumBytes / SUM / this.mostImages));
    if (index.binary) {
      const { table } = hammingScores(codeLength(index.dim, true), options);
      this.table = device.upload(table, [table.length], "similarity table");
    }
  }

  /** Adds the votes of a segment. */
  async visit(ref: SegmentRef, shards: SegmentShards): Promise<void> {
    for (let first = ref.firstImage; first < ref.endImage; first += this.mostImages) {
      const count = Math.min(this.mostImages, ref.endImage - first);
      const roots = this.index.rootNorms().subarray(first, first + count);
      const inverse = Float32Array.from(roots, (r) => 1 / r);
      const window = { first, count, inverseRoots: this.device.upload(inverse, [count], "inverse roots") };
      try {
        for (const batch of this.batches) {
          const sums = this.launch(batch, window, shards);
          sums.catch(() => {});
          await this.collect({ batch, window, sums });
        }
      } finally {
        window.inverseRoots.free();
      }
    }
  }

  /** One ranking a query, when all segments were visited. */
  async rankings(): Promise<Ranking[]> {
    await this.collect(undefined);
    return this.collectors.map((c) => c.ranking(this.index.imidOffset));
  }

  free(): void {
    for (const { codes } of this.batches) codes.free();
    this.table?.free();
  }

  /** Takes the sums that were on their way and leaves others behind: the device works on those meanwhile. */
  private async collect(next: Reading | undefined): Promise<void> {
    const done = this.pending;
    this.pending = next;
    if (!done) return;
    const sums = await done.sums;
    const { batch, window } = done;
    for (const { slot, quanta } of batch.queries) {
      const query = batch.first + slot;
      // without any weight there are no votes either
      const root = Math.sqrt(this.norms[query]) || 1;
      const scores = new Float64Array(window.count);
      for (let i = 0; i < window.count; i++) {
        const at = (slot * window.count + i) * 2;
        // two's complement in two halves, rounded to float64 at most once; then the twin's division
        scores[i] = ((sums[at + 1] | 0) * 2 ** 32 + sums[at]) / quanta / root;
      }
      this.collectors[query].add(window.first, scores);
    }
  }

  private launch(batch: Batch, window: ImageWindow, shards: SegmentShards): Promise<Uint32Array> {
    const { device, index } = this;
    // fresh zeros: blocks of the pool are not cleared
    const size = batch.queries.length * window.count * 2;
    let reading!: ReturnType<Device["read"]>;
    device.scope(() => {
      const sums = device.upload(new Uint32Array(size), [size], "sums");
      const { software, subgroupSize } = device.caps;
      const threads = software && subgroupSize > 0 ? subgroupSize : 64;
      const tile = threads * (software ? 32 : 16);
      const limits = { tile, mostPairs: MOST_PAIRS, mostPieces: Math.floor(device.maxBinding / 4 / PIECE_WORDS) };
      shards.forEach((shard) => {
        const range = [shard.begin, shard.end] as const;
        for (const plan of votePlans(batch.queries, shards.offsets, range, index.idf, limits))
          this.dispatch(plan, batch, window, shard, sums, { THREADS: threads, TILE: tile });
      });
      reading = device.read(sums);
      return undefined;
    });
    return reading.then(([data]) => data as Uint32Array);
  }

  private dispatch(
    plan: VotePlan,
    batch: Batch,
    window: ImageWindow,
    shard: Shard,
    sums: Tensor,
    shape: { readonly THREADS: number; readonly TILE: number },
  ): void {
    const { device, index } = this;
    const { alpha, similarityThreshold } = this.options;
    const length = codeLength(index.dim, index.binary);
    const pieces = device.upload(plan.pieces, [plan.pieces.length], "pieces");
    const firstPiece = device.upload(plan.firstPiece, [plan.firstPiece.length], "first pieces");
    const tiles = plan.firstPiece.length;
    const whole = Number.isInteger(alpha) && alpha <= MOST_POWER;
    device.dispatch({
      shader: index.binary ? "asmk/vote_binary.wgsl" : "asmk/vote_float.wgsl",
      constants: index.binary ? { ...shape, LENGTH: length } : shape,
      reads: [
        pieces,
        firstPiece,
        shard.images,
        window.inverseRoots,
        shard.codes,
        batch.codes,
        ...(this.table ? [this.table] : []),
      ],
      writes: [sums],
      params: [
        plan.pairs,
        tiles,
        window.first,
        window.count,
        pad4(index.dim) / 4,
        whole ? alpha : MOST_POWER + 1,
        { f32: similarityThreshold },
        { f32: alpha },
      ],
      groups: tiles,
      label: `vote/${index.binary ? "binary" : "float"}${length}`,
      cost: { flops: plan.pairs * length * 2, bytes: plan.pairs * (4 * length + 12) },
    });
    pieces.free();
    firstPiece.free();
  }

  private makeBatches(queries: readonly WordRows[], mostQueries: number): Batch[] {
    const width = deviceCodeLength(codeLength(this.index.dim, this.index.binary), this.index.binary) * 4;
    const mostRows = Math.floor(this.device.maxBinding / width);
    const bits = scoreBits(this.index.binary, this.options.alpha);
    const batches: Batch[] = [];
    let first = 0;
    let rows = 0;
    let members: VotingQuery[] = [];
    const close = (end: number) => {
      if (members.length)
        batches.push({ first, queries: members, codes: this.uploadCodes(queries.slice(first, end), rows * width) });
      members = [];
      rows = 0;
      first = end;
    };
    queries.forEach((query, q) => {
      if (members.length === mostQueries || rows + query.words.length > mostRows) close(q);
      const quanta = quantaFor(Math.max(this.norms[q], Number.MIN_VALUE), bits);
      members.push({ words: query.words, firstCode: rows, slot: members.length, quanta });
      rows += query.words.length;
    });
    close(queries.length);
    return batches;
  }

  private uploadCodes(queries: readonly WordRows[], bytes: number): Tensor {
    const { index, device } = this;
    const all = index.binary ? new Uint32Array(bytes / 4) : new Float32Array(bytes / 4);
    let at = 0;
    for (const { codes } of queries) {
      const own = codes instanceof Float32Array ? padRows(codes, index.dim) : codes;
      all.set(own, at);
      at += own.length;
    }
    return device.upload(all, [all.length], "query codes");
  }
}
