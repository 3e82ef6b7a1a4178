/**
 * @file Brute-force nearest codes by Hamming distance: all codes against many queries, in three kernels (see
 * shaders/asmk/hamming_groups.wgsl). Only the neighbours come back. The plain typed-array form, `hammingTopK`, is the twin.
 */
import { UsageError } from "../../base/errors.js";
import type { Device } from "../../engine/device.js";
import { groupsFor } from "../../engine/ops/launch.js";
import { readsTextures } from "../../engine/ops/tiles.js";
import type { Tensor } from "../../engine/tensor.js";
import type { NearestCodes } from "../nearest-codes.js";

/** How keys are computed: in bit slices, or by counting ones with codes handed round a subgroup, or without subgroups. */
export type HammingKernel = "sliced" | "subgroup" | "plain";

interface CodeShard {
  readonly first: number;
  readonly count: number;
  readonly codes: Tensor;
  /** The codes as bit planes, where the device computes keys from these. */
  readonly planes: Tensor | undefined;
}

/** Constants of the kernels that measure codes. */
interface Shape {
  readonly SUBGROUP: number;
  readonly LANES: number;
  readonly PER: number;
}

/** Neighbouring codes of which only the least distance is kept at first. */
const GROUP = 64;
/** A key is a distance and below it, in so many bits, the number of a code in its shard. */
const INDEX_BITS = 22;
const MOST_GROUPS = 2 ** INDEX_BITS / GROUP;
/** Groups that one workgroup walks through with its queries in registers. */
const CHUNK = 16;
/** Rows of keys that one invocation of a pick walks through. */
const SLICE = 128;
/** Longer lists leave the registers of hamming_pick.wgsl. */
const MOST_NEIGHBOURS = 64;
/** Longest codes, in u32, that are compared in bit slices. */
const MOST_SLICED = 4;
/** Queries a lane, in bit slices and else: measured. */
const SLICED_PER = 3;
const PLAIN_PER = 4;
/** Most bytes of keys: 1000 queries × 1,000,000 codes. */
const KEY_BYTES = 64 * 2 ** 20;

/** Codes on a device, to be compared with many queries. */
export class HammingCodes {
  readonly count: number;
  private readonly shards: readonly CodeShard[];
  private readonly kernel: HammingKernel;

  /**
   * @param codes count × length, any number of them
   * @param length u32 a code, 1 … 31
   * @param kernel for tests; default what suits the device
   */
  constructor(
    private readonly device: Device,
    codes: Uint32Array,
    private readonly length: number,
    kernel?: HammingKernel,
  ) {
    this.kernel = kernelFor(device, length, kernel);
    this.count = codes.length / length;
    if (!(Number.isInteger(this.count) && length >= 1 && length <= 31))
      throw new UsageError(
        "HammingCodes",
        `asmk: codes — expected rows of ${length} u32 (1 … 31), got ${codes.length} values`,
      );
    // codes, and the keys of one tile of queries, must fit a binding
    const { LANES, PER } = this.shapeFor(Number.POSITIVE_INFINITY);
    const groupBytes = Math.max(4 * length * GROUP, 4 * LANES * PER);
    const most = Math.min(MOST_GROUPS, Math.max(1, Math.floor(device.maxBinding / groupBytes))) * GROUP;
    this.shards = Array.from({ length: Math.ceil(this.count / most) }, (_, s) => {
      const first = s * most;
      const count = Math.min(most, this.count - first);
      const own = codes.subarray(first * length, (first + count) * length);
      const tensor = device.upload(own, [count, length], "codes");
      return { first, count, codes: tensor, planes: this.kernel === "sliced" ? this.transpose(tensor) : undefined };
    });
  }

  free(): void {
    for (const { codes, planes } of this.shards) {
      codes.free();
      planes?.free();
    }
  }

  /**
   * @param queries any number of codes
   * @param k 1 … 64; fewer neighbours come back when there are fewer codes
   */
  async topK(queries: Uint32Array, k: number): Promise<NearestCodes> {
    if (!(Number.isInteger(k) && k >= 1 && k <= MOST_NEIGHBOURS) || queries.length % this.length !== 0)
      throw new UsageError(
        "HammingCodes",
        `asmk: nearest codes — expected k from 1 to ${MOST_NEIGHBOURS} and rows of ${this.length} u32, got k ${k} and ${queries.length} values`,
      );
    const count = queries.length / this.length;
    const keep = Math.min(k, this.count);
    const shape = this.shapeFor(count);
    const block = this.blockQueries(shape, keep);
    // everything is sent before the first wait, so the device never waits for this thread
    const reading: Promise<Uint32Array[]>[] = [];
    for (let first = 0; first < count; first += block)
      reading.push(this.launch(queries.subarray(first * this.length, (first + block) * this.length), keep, shape));
    const nearest = { k: keep, indices: new Uint32Array(count * keep), distances: new Uint32Array(count * keep) };
    (await Promise.all(reading)).forEach((lists, b) => {
      this.merge(lists, b * block * keep, nearest);
    });
    return nearest;
  }

  /** Queries that are compared at once, whole tiles of them: their codes, keys and lists must each fit a binding. */
  private blockQueries({ LANES, PER }: Shape, keep: number): number {
    const tile = LANES * PER;
    const groups = Math.ceil((this.shards[0]?.count ?? 0) / GROUP);
    const bytes = 4 * Math.max(groups, keep, this.length);
    return Math.max(1, Math.floor(Math.min(KEY_BYTES, this.device.maxBinding) / (bytes * tile))) * tile;
  }

  /** Lanes are queries: several each, where there are enough. */
  private shapeFor(queries: number): Shape {
    const SUBGROUP = this.kernel === "plain" ? 0 : 1;
    const LANES = SUBGROUP ? this.device.caps.subgroupSize : 64;
    return { SUBGROUP, LANES, PER: queries <= LANES ? 1 : this.kernel === "sliced" ? SLICED_PER : PLAIN_PER };
  }

  /** In a texture where the device reads those faster. */
  private transpose(codes: Tensor): Tensor {
    const [count, length] = codes.shape;
    const columns = Math.ceil(count / GROUP) * (GROUP / 32) * length;
    const planes = this.device.empty([columns, 32], "u32", "bit planes");
    this.device.dispatch({
      shader: "asmk/hamming_transpose.wgsl",
      constants: { LENGTH: length },
      reads: [codes],
      writes: [planes],
      params: [count, columns],
      groups: groupsFor(columns),
      label: `hammingTranspose/${count}`,
      cost: { flops: 0, bytes: codes.bytes + planes.bytes },
    });
    if (!readsTextures(this.device, planes)) return planes;
    const sheet = this.device.toSheet(planes);
    planes.free();
    return sheet;
  }

  /** Sends the work of one block of queries; resolves with the lists of nearest codes, as keys, of each shard. */
  private async launch(queries: Uint32Array, keep: number, shape: Shape): Promise<Uint32Array[]> {
    const { device, length } = this;
    const count = queries.length / length;
    const queryTiles = Math.ceil(count / (shape.LANES * shape.PER));
    const lists = device.scope(() => {
      // what fills the last tile is never written, and what comes of it never read
      const rows = device.empty([queryTiles * shape.LANES * shape.PER, length], "u32", "query codes");
      device.write(rows, queries);
      return this.shards.map((shard) =>
        device.scope(() => {
          const keys = this.keys(shard, rows, queryTiles, shape);
          // lists of lists, until one slice is short: a column's lists are walked by one invocation
          const slice = Math.max(SLICE, 4 * keep);
          let parts = keys;
          while (parts.shape[0] > slice) parts = this.pick(parts, slice, keep);
          return this.refine(shard, rows, count, this.pick(parts, parts.shape[0], keep), shape);
        }),
      );
    });
    const reading = device.read(...lists);
    for (const list of lists) list.free();
    return (await reading) as Uint32Array[];
  }

  private keys(shard: CodeShard, queries: Tensor, queryTiles: number, shape: Shape): Tensor {
    const groups = Math.ceil(shard.count / GROUP);
    const keys = this.device.empty([groups, queries.shape[0]], "u32", "group keys");
    const chunks = Math.ceil(groups / CHUNK);
    const SHEETS = shard.planes?.inSheet ? 1 : 0;
    this.device.dispatch({
      ...(shard.planes
        ? {
            shader: "asmk/hamming_sliced.wgsl",
            constants: { LENGTH: this.length, BITS: Math.floor(Math.log2(32 * this.length)) + 1, SHEETS, ...shape },
            reads: [shard.planes, queries],
            sheets: SHEETS,
          }
        : {
            shader: "asmk/hamming_groups.wgsl",
            constants: { LENGTH: this.length, GROUP, ...shape },
            reads: [shard.codes, queries],
          }),
      writes: [keys],
      params: [shard.count, groups, queryTiles, chunks, CHUNK],
      groups: queryTiles * chunks,
      label: `hammingKeys/${shard.count}x${queries.shape[0]}`,
      cost: {
        flops: shard.count * queries.shape[0] * this.length * 2,
        bytes: queryTiles * shard.codes.bytes + keys.bytes,
      },
    });
    return keys;
  }

  /** The lowest keys of the codes in the picked groups: queries × keep. */
  private refine(shard: CodeShard, rows: Tensor, count: number, lowest: Tensor, shape: Shape): Tensor {
    const [keep, columns] = lowest.shape;
    const nearest = this.device.empty([count, keep], "u32", "nearest codes");
    const compared = count * keep * GROUP;
    this.device.dispatch({
      shader: "asmk/hamming_refine.wgsl",
      constants: { LENGTH: this.length, GROUP, KEEP: keep, SUBGROUP: shape.SUBGROUP, THREADS: shape.LANES },
      reads: [shard.codes, rows, lowest],
      writes: [nearest],
      params: [shard.count, count, columns],
      groups: count,
      label: `hammingRefine/${count}x${keep * GROUP}>${keep}`,
      cost: { flops: compared * this.length * 2, bytes: 4 * (compared * this.length + nearest.elements) },
    });
    return nearest;
  }

  /** The lists of all shards as one list a query, from `begin` on. */
  private merge(lists: readonly Uint32Array[], begin: number, { k, indices, distances }: NearestCodes): void {
    const heads = new Uint32Array(lists.length);
    for (let at = 0; at < (lists[0]?.length ?? 0); at++) {
      if (at % k === 0) heads.fill(at);
      let best = 0;
      // of equal distances that of the earlier shard has the lower index
      for (let s = 1; s < lists.length; s++)
        if (lists[s][heads[s]] >>> INDEX_BITS < lists[best][heads[best]] >>> INDEX_BITS) best = s;
      const key = lists[best][heads[best]++];
      distances[begin + at] = key >>> INDEX_BITS;
      indices[begin + at] = this.shards[best].first + (key & (2 ** INDEX_BITS - 1));
    }
  }

  /** The lowest keys of each slice of rows. */
  private pick(keys: Tensor, sliceRows: number, keep: number): Tensor {
    const [rows, columns] = keys.shape;
    const slices = Math.ceil(rows / sliceRows);
    const lowest = this.device.empty([slices * keep, columns], "u32", "lowest keys");
    this.device.dispatch({
      shader: "asmk/hamming_pick.wgsl",
      // the plain kernel is a GPU's; software drivers wait for no memory, and four times the text takes longer to compile
      constants: { KEEP: keep, AHEAD: this.kernel === "plain" ? 4 : 1 },
      reads: [keys],
      writes: [lowest],
      params: [rows, columns / 4, sliceRows, slices],
      groups: groupsFor((slices * columns) / 4),
      label: `hammingPick/${rows}x${columns}>${keep}`,
      cost: { flops: rows * columns, bytes: keys.bytes },
    });
    return lowest;
  }
}

/** Bit slices where ones are counted slowly and the code of the kernel, which grows with the length, stays small. */
function kernelFor(device: Device, length: number, asked?: HammingKernel): HammingKernel {
  const { software, subgroupSize } = device.caps;
  if (!(software && subgroupSize >= 4 && subgroupSize <= 16)) return "plain";
  if (asked && asked !== "sliced") return asked;
  return length <= MOST_SLICED ? "sliced" : "subgroup";
}
