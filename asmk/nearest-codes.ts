/** @file Nearest binary codes by Hamming distance on the CPU: the measure of asmk/gpu/hamming-topk.ts. */
import { hammingDistance } from "./hamming.js";

/** The nearest codes of each query, nearest first, equal distances by ascending index: queries × k. */
export interface NearestCodes {
  readonly k: number;
  readonly indices: Uint32Array;
  readonly distances: Uint32Array;
}

/**
 * The k nearest codes of each query; fewer when there are fewer codes.
 * @param length u32 a code
 */
export function hammingTopK(codes: Uint32Array, queries: Uint32Array, length: number, k: number): NearestCodes {
  const count = codes.length / length;
  const keep = Math.min(k, count);
  const entries = (queries.length / length) * keep;
  const nearest = { k: keep, indices: new Uint32Array(entries), distances: new Uint32Array(entries).fill(0xffffffff) };
  for (let q = 0; q * length < queries.length; q++)
    for (let c = 0; c < count; c++) offer(nearest, q, c, hammingDistance(queries, q, codes, c, length));
  return nearest;
}

/** Inserts a code into the list of a query. Codes come in ascending order, so an equal one stays behind. */
function offer({ k, indices, distances }: NearestCodes, query: number, index: number, distance: number): void {
  const begin = query * k;
  let at = begin + k - 1;
  if (distance >= distances[at]) return;
  for (; at > begin && distances[at - 1] > distance; at--) {
    distances[at] = distances[at - 1];
    indices[at] = indices[at - 1];
  }
  distances[at] = distance;
  indices[at] = index;
}
