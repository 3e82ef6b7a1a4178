/** @file Why an image ranked where it did: the votes it got, word by word. */
import { hammingDistance } from "./hamming.js";
import type { InvertedFile } from "./inverted-file.js";
import type { SearchOptions } from "./parameters.js";
import { checkQuery, queryNorm } from "./search.js";
import { dotProduct, hammingScores, power } from "./similarity.js";
import { codeLength, type WordRows } from "./word-rows.js";

/** One common word of a query and an image that passed the threshold. */
export interface WordVote {
  readonly word: number;
  /** Similarity of the two codes, in [−1, 1]. */
  readonly similarity: number;
  /** Share of the image's score; the votes of an image sum to it. */
  readonly vote: number;
}

/**
 * The votes of one image, highest first; equal ones by word.
 * @param id as a search returns it: negative for distractors
 */
export async function explainScore(
  index: InvertedFile,
  query: WordRows,
  id: number,
  options: SearchOptions,
): Promise<WordVote[]> {
  checkQuery(index, query);
  const image = id + index.imidOffset;
  const ref = index.segments.find((s) => s.firstImage <= image && image < s.endImage);
  if (!ref) return [];
  const { offsets, images, codes } = await ref.load();
  const length = codeLength(index.dim, index.binary);
  const kernelOf = index.binary ? binaryKernel(length, options) : floatKernel(index.dim, options);
  const scale = Math.sqrt(queryNorm(index, query)) * index.rootNorms()[image];
  const votes: WordVote[] = [];
  for (let row = 0; row < query.words.length; row++) {
    const word = query.words[row];
    const entry = find(images, offsets[word], offsets[word + 1], image);
    if (entry < 0) continue;
    const match = kernelOf(codes, entry, query.codes, row);
    if (match) votes.push({ word, similarity: match.similarity, vote: (match.value * index.idf[word]) / scale });
  }
  return votes.sort((a, b) => b.vote - a.vote || a.word - b.word);
}

type Codes = Uint32Array | Float32Array;
/** Similarity and its power, or null below the threshold. */
type Kernel = (a: Codes, i: number, b: Codes, j: number) => { similarity: number; value: number } | null;

function binaryKernel(length: number, options: SearchOptions): Kernel {
  const { table, mostBits } = hammingScores(length, options);
  return (a, i, b, j) => {
    const bits = hammingDistance(a as Uint32Array, i, b as Uint32Array, j, length);
    return bits > mostBits ? null : { similarity: 1 - bits / (16 * length), value: table[bits] };
  };
}

function floatKernel(dim: number, options: SearchOptions): Kernel {
  return (a, i, b, j) => {
    const similarity = dotProduct(a as Float32Array, i, b as Float32Array, j, dim);
    if (!(similarity >= Math.fround(options.similarityThreshold))) return null;
    return { similarity, value: power(similarity, options.alpha) };
  };
}

/** Position of `value` in sorted[begin … end−1], or −1. */
function find(sorted: Uint32Array, begin: number, end: number, value: number): number {
  let [low, high] = [begin, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low < end && sorted[low] === value ? low : -1;
}
