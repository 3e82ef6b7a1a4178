/** @file Voting over the inverted file (asmk.md §7), on the CPU. */
import { UsageError } from "../base/errors.js";
import { hammingDistance } from "./hamming.js";
import type { InvertedFile } from "./inverted-file.js";
import { checkSearchOptions, type SearchOptions } from "./parameters.js";
import { type Ranking, rankScores } from "./rank.js";
import type { Segment } from "./segment.js";
import { dotProduct, hammingScores, power } from "./similarity.js";
import { codeLength, isBinary, type WordRows } from "./word-rows.js";

/**
 * Ranks the images of an index for each query. Segments are visited one after another for all queries, the next one
 * being fetched meanwhile, so an index larger than memory is read once a call.
 * @param queries the word rows of one query each; a query without rows gives scores 0
 * @throws UsageError when the index has an open chunk or other codes than the query
 */
export async function searchIndex(
  index: InvertedFile,
  queries: readonly WordRows[],
  options: SearchOptions,
): Promise<Ranking[]> {
  const scores = await scoreImages(index, queries, options);
  return scores.map((s) => rankScores(s, options.topk, index.imidOffset));
}

/** Scores of all images (float64, by image id with distractors first), one array a query. */
export async function scoreImages(
  index: InvertedFile,
  queries: readonly WordRows[],
  options: SearchOptions,
): Promise<Float64Array[]> {
  checkSearchOptions(options);
  for (const query of queries) checkQuery(index, query);
  const scores = queries.map(() => new Float64Array(index.imageCount));
  const refs = index.segments;
  let next = refs[0]?.load();
  for (let s = 0; s < refs.length; s++) {
    const segment = await next;
    next = refs[s + 1]?.load();
    // A failure is thrown where it is awaited; without this line Node would also report it as unhandled.
    next?.catch(() => {});
    for (let q = 0; q < queries.length; q++) {
      if (index.binary) voteBinary(segment, index, queries[q], options, scores[q]);
      else voteFloat(segment, index, queries[q], options, scores[q]);
    }
  }
  for (let q = 0; q < queries.length; q++) {
    const root = Math.sqrt(queryNorm(index, queries[q]));
    if (root > 0) for (let i = 0; i < scores[q].length; i++) scores[q][i] /= root;
  }
  return scores;
}

/** Σ idf over all words of a query, also those without entries (weight 1 there); without idf the number of words. */
export function queryNorm(index: InvertedFile, query: WordRows): number {
  let sum = 0;
  for (const w of query.words) sum += index.idf[w];
  return sum;
}

/**
 * Adds the votes of one segment: float32(float32(sim^alpha · idf) / √norm), summed in float64. Query words ascend, so
 * every image sums its votes in word order.
 */
function voteBinary(
  segment: Segment,
  index: InvertedFile,
  query: WordRows,
  options: SearchOptions,
  scores: Float64Array,
): void {
  const length = codeLength(index.dim, true);
  const { table, mostBits } = hammingScores(length, options);
  const roots = index.rootNorms();
  const { offsets, images } = segment;
  const codes = segment.codes as Uint32Array;
  const queryCodes = query.codes as Uint32Array;
  for (let row = 0; row < query.words.length; row++) {
    const word = query.words[row];
    const idf = index.idf[word];
    const end = offsets[word + 1];
    for (let e = offsets[word]; e < end; e++) {
      const bits = hammingDistance(codes, e, queryCodes, row, length);
      if (bits > mostBits) continue;
      const image = images[e];
      scores[image] += Math.fround(Math.fround(table[bits] * idf) / roots[image]);
    }
  }
}

/** The same for normalised residuals, whose similarity is the dot product. */
function voteFloat(
  segment: Segment,
  index: InvertedFile,
  query: WordRows,
  options: SearchOptions,
  scores: Float64Array,
): void {
  const threshold = Math.fround(options.similarityThreshold);
  const roots = index.rootNorms();
  const { offsets, images } = segment;
  const codes = segment.codes as Float32Array;
  const queryCodes = query.codes as Float32Array;
  for (let row = 0; row < query.words.length; row++) {
    const word = query.words[row];
    const idf = index.idf[word];
    const end = offsets[word + 1];
    for (let e = offsets[word]; e < end; e++) {
      const similarity = dotProduct(codes, e, queryCodes, row, index.dim);
      if (!(similarity >= threshold)) continue;
      const image = images[e];
      scores[image] += Math.fround(Math.fround(power(similarity, options.alpha) * idf) / roots[image]);
    }
  }
}

/** @throws UsageError when the rows of a query cannot be compared with the index, or the index has an open chunk. */
export function checkQuery(index: InvertedFile, query: WordRows): void {
  if (index.isOpen)
    throw new UsageError("OpenChunk", "asmk: search — the index has rows that are not closed yet; call commit() first");
  if (query.dim !== index.dim || isBinary(query) !== index.binary)
    throw new UsageError(
      "QueryCodes",
      `asmk: search — expected ${index.binary ? "binary" : "float"} codes of dimension ${index.dim}, got ${isBinary(query) ? "binary" : "float"} of dimension ${query.dim}`,
    );
  for (const w of query.words)
    if (w < 0 || w >= index.words)
      throw new UsageError("QueryCodes", `asmk: search — word id ${w} is outside 0 … ${index.words - 1}`);
}
