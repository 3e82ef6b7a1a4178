/** @file Residuals of an image, summed per visual word (asmk.md §4), on the CPU. */
import { UsageError } from "../base/errors.js";
import type { Codebook } from "./codebook.js";
import { packRow } from "./pack.js";
import { codeLength, imageRuns, type WordRows } from "./word-rows.js";

/**
 * One pass: (word, descriptor) pairs are sorted by word, then each segment of equal words is summed. Sums of
 * (descriptor − centroid) run in float32 in descriptor order, as in the reference. A descriptor counts once for each of
 * its words, without a weight.
 * @param descriptors count × dim
 * @param words count × multipleAssignment word ids
 * @param images count image ids, never falling; each run is aggregated by itself
 * @param binary codes as sign bits, else residual / (norm + 1e-6)
 * @throws UsageError on ids out of range or out of order
 */
export function aggregate(
  codebook: Codebook,
  descriptors: Float32Array,
  words: Int32Array,
  images: Int32Array,
  binary: boolean,
): WordRows {
  const { dim } = codebook;
  const count = images.length;
  const assignments = count === 0 ? 1 : words.length / count;
  checkAggregateInput(codebook, descriptors, words, images);

  const length = codeLength(dim, binary);
  const codes = binary ? new Uint32Array(words.length * length) : new Float32Array(words.length * length);
  const outWords = new Int32Array(words.length);
  const outImages = new Int32Array(words.length);
  const sum = new Float32Array(dim);
  let rows = 0;
  for (const [begin, end] of imageRuns(images)) {
    const pairs = sortedPairs(words, assignments, begin, end);
    const span = end - begin;
    for (let p = 0; p < pairs.length; ) {
      const word = Math.floor(pairs[p] / span);
      sum.fill(0);
      let previous = -1;
      for (; p < pairs.length && Math.floor(pairs[p] / span) === word; p++) {
        const descriptor = begin + (pairs[p] % span);
        if (descriptor !== previous) addResidual(sum, descriptors, descriptor, codebook, word);
        previous = descriptor;
      }
      if (codes instanceof Uint32Array) packRow(sum, 0, dim, codes, rows * length);
      else normaliseRow(sum, codes, rows * length);
      outWords[rows] = word;
      outImages[rows] = images[begin];
      rows++;
    }
  }
  return {
    dim,
    codes: codes.slice(0, rows * length),
    words: outWords.slice(0, rows),
    images: outImages.slice(0, rows),
  };
}

/**
 * word · span + descriptor for every assignment of one image, descriptors begin … end−1 of a batch, ascending; span is
 * end − begin, descriptors count from 0. Exact in float64 for any real size.
 */
export function sortedPairs(words: Int32Array, assignments: number, begin: number, end: number): Float64Array {
  const span = end - begin;
  const pairs = new Float64Array(span * assignments);
  for (let i = 0; i < span; i++)
    for (let a = 0; a < assignments; a++) pairs[i * assignments + a] = words[(begin + i) * assignments + a] * span + i;
  return pairs.sort();
}

function addResidual(sum: Float32Array, descriptors: Float32Array, i: number, codebook: Codebook, word: number): void {
  const { dim, centroids } = codebook;
  for (let d = 0; d < dim; d++) sum[d] += Math.fround(descriptors[i * dim + d] - centroids[word * dim + d]);
}

function normaliseRow(sum: Float32Array, out: Float32Array, to: number): void {
  let squares = 0;
  for (const v of sum) squares += v * v;
  const norm = Math.fround(Math.fround(Math.sqrt(squares)) + 1e-6);
  for (let d = 0; d < sum.length; d++) out[to + d] = sum[d] / norm;
}

/** @throws UsageError when sizes do not fit, or ids are out of range or out of order. */
export function checkAggregateInput(
  codebook: Codebook,
  descriptors: Float32Array,
  words: Int32Array,
  images: Int32Array,
): void {
  const fail = (detail: string) => new UsageError("AggregateInput", `asmk: aggregate — ${detail}`);
  if (descriptors.length !== images.length * codebook.dim)
    throw fail(`expected ${images.length} × ${codebook.dim} descriptor values, got ${descriptors.length}`);
  if (images.length ? words.length % images.length !== 0 || words.length === 0 : words.length !== 0)
    throw fail(`expected a multiple of ${images.length} word ids, got ${words.length}`);
  for (const w of words)
    if (w < 0 || w >= codebook.words) throw fail(`word id ${w} is outside 0 … ${codebook.words - 1}`);
  for (let i = 1; i < images.length; i++)
    if (images[i] < images[i - 1])
      throw fail(`image ids must not fall, got ${images[i]} after ${images[i - 1]} at descriptor ${i}`);
}
