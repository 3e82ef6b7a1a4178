/** @file A segment of the inverted file on a device, in shards of entries that fit a binding. */
import type { Device } from "../../engine/device.js";
import { pad4 } from "../../engine/op.js";
import type { Tensor } from "../../engine/tensor.js";
import type { Segment } from "../segment.js";
import { padRows } from "./word-table.js";

/** Entries begin … end−1 of a segment, on the device. */
export interface Shard {
  readonly begin: number;
  readonly end: number;
  readonly images: Tensor;
  /** u32 codes, or float rows padded to vec4. */
  readonly codes: Tensor;
}

/** u32 or floats that an entry's code takes on a device. */
export function deviceCodeLength(codeLength: number, binary: boolean): number {
  return binary ? codeLength : pad4(codeLength);
}

/** Bytes that the entries of a segment take on a device. */
export function deviceBytes(entries: number, codeLength: number, binary: boolean): number {
  return entries * 4 * (1 + deviceCodeLength(codeLength, binary));
}

/**
 * The entries of one segment. When they are at most `most` bytes they are uploaded once; else each pass uploads shard
 * after shard from the host's copy, which is held as long as this object.
 */
export class SegmentShards {
  readonly offsets: Uint32Array;
  readonly bytes: number;
  private readonly kept: readonly Shard[] | undefined;
  private readonly source: Segment | undefined;
  private readonly most: number;

  constructor(
    private readonly device: Device,
    segment: Segment,
    private readonly codeLength: number,
    private readonly binary: boolean,
    most: number,
  ) {
    this.offsets = segment.offsets;
    this.bytes = deviceBytes(segment.images.length, codeLength, binary);
    this.most = Math.min(most, device.room / 4);
    if (this.bytes <= this.most) this.kept = [...this.ranges(segment)].map((r) => this.upload(segment, ...r));
    else this.source = segment;
  }

  /** Calls `work` for each shard; it records dispatches and must not keep the tensors. */
  forEach(work: (shard: Shard) => void): void {
    this.kept?.forEach(work);
    if (!this.source) return;
    for (const range of this.ranges(this.source)) {
      const shard = this.upload(this.source, ...range);
      work(shard);
      shard.images.free();
      shard.codes.free();
    }
  }

  free(): void {
    for (const { images, codes } of this.kept ?? []) {
      images.free();
      codes.free();
    }
  }

  private *ranges(segment: Segment): Generator<[begin: number, end: number]> {
    const width = deviceCodeLength(this.codeLength, this.binary) * 4;
    const entries = segment.images.length;
    const step = Math.max(1, Math.floor(Math.min(this.device.maxBinding / width, this.most / (width + 4))));
    for (let begin = 0; begin < entries; begin += step) yield [begin, Math.min(entries, begin + step)];
  }

  private upload(segment: Segment, begin: number, end: number): Shard {
    const own = segment.codes.subarray(begin * this.codeLength, end * this.codeLength);
    const codes = own instanceof Float32Array ? padRows(own, this.codeLength) : own;
    return {
      begin,
      end,
      images: this.device.upload(segment.images.subarray(begin, end), [end - begin], "entry images"),
      codes: this.device.upload(codes, [codes.length], "entry codes"),
    };
  }
}
