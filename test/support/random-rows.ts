/** @file Random descriptors and word rows for the ASMK tests, the same in every run. */
import { aggregate } from "../../asmk/aggregate.js";
import { type Codebook, makeCodebook } from "../../asmk/codebook.js";
import { quantise } from "../../asmk/quantise.js";
import type { WordRows } from "../../asmk/word-rows.js";
import { Mt19937 } from "../../base/random.js";

/** `count` numbers spread evenly over (−1, 1). */
export function randomValues(count: number, seed: number): Float32Array {
  const random = new Mt19937(seed);
  return Float32Array.from({ length: count }, () => random.nextU32() / 2 ** 31 - 1);
}

/** Points on a coarse grid, as training data with ties and duplicates: (u32 mod levels − levels/2) / 8. */
export function gridPoints(count: number, dim: number, seed: number, levels: number): Float32Array {
  const random = new Mt19937(seed);
  return Float32Array.from({ length: count * dim }, () => ((random.nextU32() % levels) - levels / 2) / 8);
}

/** A codebook of random words. */
export function randomCodebook(words: number, dim: number, seed: number): Codebook {
  return makeCodebook(randomValues(words * dim, seed), dim);
}

/** The rows of images first … first+images−1, each with `each` random descriptors. */
export function randomRows(
  codebook: Codebook,
  options: { images: number; each: number; seed: number; binary?: boolean; first?: number; assignment?: number },
): WordRows {
  const { images, each, seed, binary = true, first = 0, assignment = 1 } = options;
  const descriptors = randomValues(images * each * codebook.dim, seed);
  const ids = Int32Array.from({ length: images * each }, (_, i) => first + Math.floor(i / each));
  return aggregate(codebook, descriptors, quantise(codebook, descriptors, assignment), ids, binary);
}
