/** @file Local and global features of photos, through the cache. */
import type { VectorSource } from "../../asmk/vectors.js";
import type { LocalFeatures, RetrievalNetwork } from "../../nets/network.js";
import type { SkipList } from "../skips.js";
import { type CachedFeatures, type Companion, type DescribedRequest, describeRequest } from "./feature-cache.js";
import {
  DESCRIPTORS_AT,
  decodeGlobal,
  decodeLocal,
  encodeGlobal,
  encodeLocal,
  isSkipped,
  localSize,
} from "./feature-codec.js";
import type { Ingredients } from "./fingerprint.js";
import type { Photo } from "./photos.js";
import type { RecordLog } from "./record-log.js";

/** The network, and the hash of the file it came from. */
export interface Model {
  readonly network: RetrievalNetwork;
  readonly sha256: string;
}

export interface Inference {
  readonly imageSize: number;
  readonly scales: readonly number[];
  readonly featuresNum: number | null;
}

/** Describes the local features of a list of photos; `label` is for messages. */
export function localRequest(
  { network, sha256 }: Model,
  label: string,
  photos: readonly Photo[],
  { imageSize, scales, featuresNum }: Inference,
  skips?: SkipList,
): Promise<DescribedRequest> {
  const ingredients: Ingredients = { kind: "local", model: sha256, scales, features_num: featuresNum };
  const compute = async (image: Parameters<RetrievalNetwork["extractLocal"]>[0]) =>
    encodeLocal(await network.extractLocal(image, { scales, featuresNum }));
  return describeRequest({ label, photos, imageSize, ingredients, scales, compute }, skips);
}

/** Describes the global descriptors of a list of photos. */
export function globalRequest(
  { network, sha256 }: Model,
  label: string,
  photos: readonly Photo[],
  { imageSize, scales }: Omit<Inference, "featuresNum">,
  skips?: SkipList,
): Promise<DescribedRequest> {
  const ingredients: Ingredients = { kind: "global", model: sha256, scales };
  const compute = async (image: Parameters<RetrievalNetwork["extractGlobal"]>[0]) =>
    encodeGlobal(await network.extractGlobal(image, scales));
  return describeRequest({ label, photos, imageSize, ingredients, scales, compute }, skips);
}

/** Lets the local features of `local` come out of the pass that computes the global descriptors of the same photos. */
export function alongGlobal(
  { network }: Model,
  local: DescribedRequest,
  { scales, featuresNum }: Inference,
): Companion {
  const compute: Companion["compute"] = async (image) => {
    const both = await network.extractBoth(image, { scales, featuresNum });
    return [encodeGlobal(both.global), encodeLocal(both.local)];
  };
  return { request: local, compute };
}

/** Local features of each photo in order, null for one that was skipped; reads, computes and keeps as needed. */
export async function* eachLocal(features: CachedFeatures): AsyncGenerator<LocalFeatures | null> {
  for await (const record of features.records()) yield isSkipped(record) ? null : decodeLocal(record);
}

/** Global descriptor of each photo in order, null for one that was skipped; reads, computes and keeps as needed. */
export async function* eachGlobal(features: CachedFeatures): AsyncGenerator<Float32Array | null> {
  for await (const record of features.records()) yield isSkipped(record) ? null : decodeGlobal(record);
}

/** All global descriptors, one after another: photos × dim; zeros for the photos of `skipped`. */
export async function allGlobal(
  features: CachedFeatures,
  count: number,
): Promise<{ dim: number; data: Float32Array; skipped: ReadonlySet<number> }> {
  let data = new Float32Array(0);
  let dim = 0;
  let i = 0;
  const skipped = new Set<number>();
  for await (const descriptor of eachGlobal(features)) {
    if (!descriptor) {
      skipped.add(i++);
      continue;
    }
    if (dim === 0) {
      dim = descriptor.length;
      data = new Float32Array(count * dim);
    }
    data.set(descriptor, i++ * dim);
  }
  return { dim, data, skipped };
}

/**
 * All local descriptors of a cache as one list that stays on disk: what codebook training reads.
 * Goes through all photos once, computing what is missing.
 */
export async function openDescriptors(features: CachedFeatures): Promise<VectorSource> {
  const starts = [0];
  let dim = 0;
  for await (const record of features.records()) {
    const size = isSkipped(record) ? { count: 0, dim } : localSize(record);
    dim = size.dim;
    starts.push(starts[starts.length - 1] + size.count);
  }
  return new LoggedDescriptors(features.log, Float64Array.from(starts), dim);
}

class LoggedDescriptors implements VectorSource {
  readonly count: number;
  /** @param starts first row of each record, and the total at the end */
  constructor(
    private readonly log: RecordLog,
    private readonly starts: Float64Array,
    readonly dim: number,
  ) {
    this.count = starts[starts.length - 1];
  }

  async read(begin: number, end: number): Promise<Float32Array> {
    const { starts, dim } = this;
    const rows = new Float32Array((end - begin) * dim);
    for (let record = this.recordOf(begin), row = begin; row < end; record++) {
      const stop = Math.min(end, starts[record + 1]);
      const into = new Uint8Array(rows.buffer, (row - begin) * dim * 4, (stop - row) * dim * 4);
      await this.log.readPart(record, DESCRIPTORS_AT + (row - starts[record]) * dim * 4, into);
      row = stop;
    }
    return rows;
  }

  /** The record that holds a row: the last one that starts at or before it. */
  private recordOf(row: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= row) low = middle;
      else high = middle;
    }
    return low;
  }
}
