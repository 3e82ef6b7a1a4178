/**
 * @file Brute-force nearest codes by Hamming distance: all codes against many queries, in three kernels (see
 * shaders/asmk/hamming_groups.wgsl). The plain typed-array form, `hammingTopK`, is the twin.
 */
import { UsageError } from "../../base/errors.js";
import type { Device } from "../../engine/device.js";
import { groupsFor } from "../../engine/ops/launch.js";
import type { Tensor } from "../../engine/tensor.js";
import { hammingDistance } from "../hamming.js";

/** How keys are computed: in bit slices, or by counting ones with codes handed round a subgroup, or without subgroups. */
export type HammingKernel = "sliced" | "subgroup" | "plain";

interface CodeShard {
  readonly first: number;
  readonly count: number;
  readonly codes: Tensor;
  /** The codes as bit planes, where the device computes keys from these. */
  readonly planes: Tensor | undefined;
}

/** Constants of the kernels that make keys. */
interface Shape {
  readonly SUBGROUP: number;
  readonly LANES: number;
  readonly PER: number;
}

/** The nearest codes of each query, nearest first, equal distances by ascending index: queries × k. */
export interface NearestCodes {
  readonly k: number;
  readonly indices: Uint32Array;
  readonly distances: Uint32Array;
}

/** Neighbouring codes of which only the least distance is kept at first. */
const GROUP = 64;
/** The group's number is the lower 22 bits of a key. */
const MOST_GROUPS = 2 ** 22;
const NONE = 0xffffffff;
/** Groups that one workgroup walks through with its queries in registers. */
const CHUNK = 16;
/** Rows of keys that one invocation of the first pick walks through. */
const SLICE = 256;
/** Longer lists leave the registers of hamming_pick.wgsl. */
const MOST_NEIGHBOURS = 64;
/** Longest codes, in u32, that are compared in bit slices. */
const MOST_SLICED = 4;
/** Queries a lane, in bit slices and else: measured. */
const SLICED_PER = 3;
const PLAIN_PER = 4;
/** Most bytes of keys: 1000 queries × 1,000,000 codes. */
const KEY_BYTES = 64 * 2 ** 20;

/**
 * The k nearest codes of each query, on the CPU: the measure of the device form.
 * @param length u32 a code
 */
export function hammingTopK(codes: Uint32Array, queries: Uint32Array, length: number, k: number): NearestCodes {
  const count = codes.length / length;
  const keep = Math.min(k, count);
  const best = new BestCodes(queries.length / length, keep);
  for (let q = 0; q * length < queries.length; q++)
    for (let c = 0; c < count; c++) best.offer(q, c, hammingDistance(queries, q, codes, c, length));
  return best.result();
}

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
    const best = new BestCodes(count, keep);
    const shape = this.shapeFor(count);
    const tile = shape.LANES * shape.PER;
    for (const shard of this.shards) {
      const groups = Math.ceil(shard.count / GROUP);
      const tiles = Math.floor(Math.min(KEY_BYTES, this.device.maxBinding) / (groups * tile * 4));
      const block = Math.max(1, tiles) * tile;
      for (let first = 0; first < count; first += block) {
        const some = queries.subarray(first * this.length, (first + block) * this.length);
        await this.launch(shard, some, keep, shape, first, best);
      }
    }
    return best.result();
  }

  /** Lanes are queries: several each, where there are enough. */
  private shapeFor(queries: number): Shape {
    const SUBGROUP = this.kernel === "plain" ? 0 : 1;
    const LANES = SUBGROUP ? this.device.caps.subgroupSize : 64;
    return { SUBGROUP, LANES, PER: queries <= LANES ? 1 : this.kernel === "sliced" ? SLICED_PER : PLAIN_PER };
  }

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
    return planes;
  }

  /** One shard and one block of queries, whose numbers begin at `first`: keys, the lowest of them, distances. */
  private async launch(
    shard: CodeShard,
    queries: Uint32Array,
    keep: number,
    shape: Shape,
    first: number,
    best: BestCodes,
  ): Promise<void> {
    const { device, length } = this;
    const count = queries.length / length;
    const queryTiles = Math.ceil(count / (shape.LANES * shape.PER));
    const columns = queryTiles * shape.LANES * shape.PER;
    const padded = new Uint32Array(columns * length);
    padded.set(queries);
    const rows = device.upload(padded, [columns, length], "query codes");
    const keys = this.keys(shard, rows, queryTiles, shape);
    const slices = Math.ceil(keys.shape[0] / SLICE);
    const parts = slices > 1 ? this.pick(keys, SLICE, keep) : keys;
    const lowest = this.pick(parts, parts.shape[0], keep);
    const distances = device.empty([count, keep * GROUP], "u32", "distances");
    device.dispatch({
      shader: "asmk/hamming_distances.wgsl",
      constants: { LENGTH: length, GROUP },
      reads: [shard.codes, rows, lowest],
      writes: [distances],
      params: [shard.count, count, columns, keep],
      groups: groupsFor(distances.elements),
      label: `hammingDistances/${count}x${keep * GROUP}`,
      cost: { flops: distances.elements * length * 2, bytes: 4 * distances.elements * (length + 1) },
    });
    const reading = device.read(lowest, distances);
    for (const t of new Set([rows, keys, parts, lowest, distances])) t.free();
    const [lowestData, data] = (await reading) as Uint32Array[];
    for (let q = 0; q < count; q++) {
      for (let i = 0; i < keep; i++) {
        const group = lowestData[i * columns + q] & (MOST_GROUPS - 1);
        const at = (q * keep + i) * GROUP;
        for (let c = 0; c < GROUP; c++)
          if (data[at + c] !== NONE) best.offer(first + q, shard.first + group * GROUP + c, data[at + c]);
      }
    }
  }

  private keys(shard: CodeShard, queries: Tensor, queryTiles: number, shape: Shape): Tensor {
    const groups = Math.ceil(shard.count / GROUP);
    const keys = this.device.empty([groups, queries.shape[0]], "u32", "group keys");
    const chunks = Math.ceil(groups / CHUNK);
    this.device.dispatch({
      ...(shard.planes
        ? {
            shader: "asmk/hamming_sliced.wgsl",
            constants: { LENGTH: this.length, BITS: Math.floor(Math.log2(32 * this.length)) + 1, ...shape },
            reads: [shard.planes, queries],
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

  /** The lowest keys of each slice of rows. */
  private pick(keys: Tensor, sliceRows: number, keep: number): Tensor {
    const [rows, columns] = keys.shape;
    const slices = Math.ceil(rows / sliceRows);
    const lowest = this.device.empty([slices * keep, columns], "u32", "lowest keys");
    this.device.dispatch({
      shader: "asmk/hamming_pick.wgsl",
      constants: { KEEP: keep },
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

/** The best codes so far of each query, by (distance, index). */
class BestCodes {
  private readonly indices: Uint32Array;
  private readonly distances: Uint32Array;

  constructor(
    queries: number,
    private readonly k: number,
  ) {
    this.indices = new Uint32Array(queries * k).fill(NONE);
    this.distances = new Uint32Array(queries * k).fill(NONE);
  }

  offer(query: number, index: number, distance: number): void {
    const { indices, distances, k } = this;
    const begin = query * k;
    let at = begin + k - 1;
    if (k === 0 || distance > distances[at] || (distance === distances[at] && index > indices[at])) return;
    for (; at > begin; at--) {
      const before = distances[at - 1];
      if (before < distance || (before === distance && indices[at - 1] < index)) break;
      distances[at] = before;
      indices[at] = indices[at - 1];
    }
    distances[at] = distance;
    indices[at] = index;
  }

  result(): NearestCodes {
    return { k: this.k, indices: this.indices, distances: this.distances };
  }
}
