/** @file A piece of the inverted file: the entries of a range of images, sorted by word, in flat arrays. */
import { codeLength, isBinary, type WordRows } from "./word-rows.js";

/**
 * Compressed rows by word: the entries of word w are offsets[w] … offsets[w+1]−1 of `images` and `codes`, image ids
 * ascending. All entries of an image are in one segment, so that scores do not depend on how an index was cut.
 * Segments never change.
 */
export interface Segment {
  /** First image id that may occur, and one past the last. */
  readonly firstImage: number;
  readonly endImage: number;
  /** words + 1 values. */
  readonly offsets: Uint32Array;
  readonly images: Uint32Array;
  /** entries × codeLength. */
  readonly codes: Uint32Array | Float32Array;
}

/** A segment that is in memory or can be fetched. */
export interface SegmentRef {
  readonly firstImage: number;
  readonly endImage: number;
  readonly entries: number;
  /** The segment when it is in memory. */
  readonly resident: Segment | null;
  load(): Promise<Segment>;
}

/** Bytes of codes in a segment: the default binding limit of WebGPU, so that a segment is also a unit of GPU memory. */
export const SEGMENT_CODE_BYTES = 128 * 2 ** 20;

/** Most entries a segment takes: 2²³ for 128-bit codes. */
export function segmentCapacity(dim: number, binary: boolean): number {
  return Math.max(1, Math.floor(SEGMENT_CODE_BYTES / (4 * codeLength(dim, binary))));
}

/** A reference to a segment in memory. */
export function residentRef(segment: Segment): SegmentRef {
  return {
    firstImage: segment.firstImage,
    endImage: segment.endImage,
    entries: segment.images.length,
    resident: segment,
    load: () => Promise.resolve(segment),
  };
}

/** Sorts rows by word (counting sort, so images stay ascending within a word). `parts` is a list of rows in image order. */
export function buildSegment(parts: readonly WordRows[], words: number, dim: number, binary: boolean): Segment {
  const length = codeLength(dim, binary);
  const entries = parts.reduce((n, p) => n + p.words.length, 0);
  const offsets = new Uint32Array(words + 1);
  for (const part of parts) for (const w of part.words) offsets[w + 1]++;
  for (let w = 0; w < words; w++) offsets[w + 1] += offsets[w];
  const next = offsets.slice(0, words);
  const images = new Uint32Array(entries);
  const codes = binary ? new Uint32Array(entries * length) : new Float32Array(entries * length);
  for (const part of parts) {
    for (let row = 0; row < part.words.length; row++) {
      const at = next[part.words[row]]++;
      images[at] = part.images[row];
      for (let i = 0; i < length; i++) codes[at * length + i] = part.codes[row * length + i];
    }
  }
  const first = parts.find((p) => p.images.length)?.images[0] ?? 0;
  const last = parts.findLast((p) => p.images.length)?.images.at(-1) ?? first - 1;
  return { firstImage: first, endImage: last + 1, offsets, images, codes };
}

/** Joins two segments of which all images of `b` come after those of `a`. */
export function mergeSegments(a: Segment, b: Segment): Segment {
  const words = a.offsets.length - 1;
  const binary = isBinary(a);
  const entries = a.images.length + b.images.length;
  const length = entries === 0 ? 0 : (a.codes.length + b.codes.length) / entries;
  const offsets = new Uint32Array(words + 1);
  for (let w = 0; w <= words; w++) offsets[w] = a.offsets[w] + b.offsets[w];
  const images = new Uint32Array(entries);
  const codes = binary ? new Uint32Array(entries * length) : new Float32Array(entries * length);
  for (let w = 0; w < words; w++) {
    let at = offsets[w];
    for (const part of [a, b]) {
      const begin = part.offsets[w];
      const end = part.offsets[w + 1];
      if (begin === end) continue;
      images.set(part.images.subarray(begin, end), at);
      codes.set(part.codes.subarray(begin * length, end * length), at * length);
      at += end - begin;
    }
  }
  return { firstImage: a.firstImage, endImage: b.endImage, offsets, images, codes };
}
