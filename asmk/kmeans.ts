/**
 * @file Codebook training: the k-means recipe of faiss (asmk.md §2), streamed.
 * Points pass by in blocks; what is held are two K × dim arrays and two blocks, so that 64k words and tens of millions
 * of points need about 100 MB. Sums run in float32 in point order, as in the reference, whatever assigns the points.
 */
import { UsageError } from "../base/errors.js";
import { requireFinite } from "../base/finite.js";
import { randomPermutation } from "../base/random.js";
import type { Assigner, Assignment } from "./assigner.js";
import { splitForEmptyClusters } from "./empty-clusters.js";
import { gatherRows, SelectedVectors, type VectorSource } from "./vectors.js";

const SEED = 1234;
/** More points than this for each word are sub-sampled. */
const MOST_POINTS_A_WORD = 256;
/** Fewer points than this for each word deserve a warning. */
const FEWEST_POINTS_A_WORD = 39;

/** What is known after an iteration, or during one (`done` < `points`). */
export interface KmeansProgress {
  /** Counted from 1. */
  readonly iteration: number;
  readonly iterations: number;
  /** Points assigned in this iteration, and in all. */
  readonly done: number;
  readonly points: number;
  /** Present once the iteration is finished. */
  readonly finished?: KmeansIteration;
}

/** One finished iteration. */
export interface KmeansIteration {
  readonly iteration: number;
  /** Σ squared distance to the nearest centroid, of the centroids this iteration began with. */
  readonly objective: number;
  /** K·Σ count² / n²: 1 when all clusters are equally large. */
  readonly imbalance: number;
  /** Clusters without a point, which were repaired by splitting others. */
  readonly empty: number;
  /** K × dim; reused by later iterations: copy what is to be kept. */
  readonly centroids: Float32Array;
}

export interface KmeansOptions {
  /** Default 10. */
  readonly iterations?: number;
  /** Stop when the objective is equal to the one before, as recent faiss does; default true. */
  readonly earlyStop?: boolean;
  /** Points a block; default so that a block is about 32 MiB. */
  readonly blockSize?: number;
  /**
   * Order in which a sub-sample is visited. "reference" is that of the permutation, as in faiss; "source" is ascending,
   * which reads files forward: the same points and starting centroids, sums that differ in their last bits.
   */
  readonly sampleOrder?: "reference" | "source";
  readonly onProgress?: (progress: KmeansProgress) => void;
  /** Called at most once, with one line of text, when there are few points. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** Continues a run after the given finished iteration, over the same points. */
  readonly resume?: Pick<KmeansIteration, "iteration" | "objective" | "centroids">;
}

/** The centroids after the last update, and the history. */
export interface KmeansResult {
  /** words × dim. */
  readonly centroids: Float32Array;
  /** Points that took part, after sub-sampling. */
  readonly points: number;
  readonly history: readonly Omit<KmeansIteration, "centroids">[];
}

/**
 * Clusters the vectors of `source` into `words` centroids.
 * @throws UsageError with fewer points than words, NumericError on NaN or infinity; rejects with the signal's reason
 */
export async function kmeans(
  source: VectorSource,
  words: number,
  assigner: Assigner,
  options: KmeansOptions = {},
): Promise<KmeansResult> {
  if (source.count < words)
    throw new UsageError(
      "TooFewPoints",
      `asmk: codebook training — expected at least ${words} descriptors for ${words} words, got ${source.count}; use more images or a smaller codebook.size`,
    );
  if (source.count < words * FEWEST_POINTS_A_WORD)
    options.onWarning?.(
      `asmk: ${source.count} descriptors for ${words} words; at least ${words * FEWEST_POINTS_A_WORD} are advised`,
    );
  const { dim } = source;
  if (source.count === words) return { centroids: await copyPoints(source), points: words, history: [] };

  const rows = sampleRows(source.count, words);
  const start = options.resume?.centroids.slice() ?? (await firstCentroids(source, rows, words));
  if (options.sampleOrder === "source") rows?.sort();
  const points = rows ? new SelectedVectors(source, rows) : source;

  const iterations = options.iterations ?? 10;
  const history: Omit<KmeansIteration, "centroids">[] = [];
  let centroids = start;
  let sums: Float32Array = new Float32Array(words * dim);
  let last = options.resume?.objective ?? Number.NaN;
  for (let iteration = (options.resume?.iteration ?? 0) + 1; iteration <= iterations; iteration++) {
    await assigner.setCentroids(centroids, dim);
    const counts = new Float32Array(words);
    sums.fill(0);
    let objective = 0;
    let done = 0;
    for await (const { vectors, assigned } of assignedBlocks(points, assigner, options)) {
      addToSums(vectors, assigned.words, dim, sums, counts);
      for (const d of assigned.distances) objective += d;
      done += assigned.words.length;
      if (done < points.count) options.onProgress?.({ iteration, iterations, done, points: points.count });
    }
    const imbalance = imbalanceFactor(counts, points.count);
    divideByCounts(sums, counts, dim);
    const empty = splitForEmptyClusters(counts, sums, dim, points.count);
    [centroids, sums] = [sums, centroids];
    const finished = { iteration, objective, imbalance, empty };
    history.push(finished);
    options.onProgress?.({
      iteration,
      iterations,
      done,
      points: points.count,
      finished: { ...finished, centroids },
    });
    if (options.earlyStop !== false && objective === last) break;
    last = objective;
  }
  return { centroids, points: points.count, history };
}

/** The rows that take part when there are too many points for the codebook; null when all do. */
function sampleRows(count: number, words: number): Uint32Array | null {
  const most = words * MOST_POINTS_A_WORD;
  return count > most ? randomPermutation(count, SEED).slice(0, most) : null;
}

/** K distinct points: the first K of a second permutation, over the points that take part. */
function firstCentroids(source: VectorSource, rows: Uint32Array | null, words: number): Promise<Float32Array> {
  const picked = randomPermutation(rows?.length ?? source.count, SEED + 1).slice(0, words);
  return gatherRows(source, rows ? picked.map((i) => rows[i]) : picked);
}

async function copyPoints(source: VectorSource): Promise<Float32Array> {
  const all = (await source.read(0, source.count)).slice();
  requireFinite("asmk: descriptors to train on", all, { dim: source.dim });
  return all;
}

interface AssignedBlock {
  readonly vectors: Float32Array;
  readonly assigned: Assignment;
}

/** All points in order, block by block; the next block is read and assigned while the caller works on one. */
async function* assignedBlocks(
  points: VectorSource,
  assigner: Assigner,
  options: KmeansOptions,
): AsyncGenerator<AssignedBlock> {
  const size = options.blockSize ?? Math.max(1, Math.floor(2 ** 23 / points.dim));
  const begin = async (from: number): Promise<AssignedBlock> => {
    options.signal?.throwIfAborted();
    const vectors = await points.read(from, Math.min(points.count, from + size));
    requireFinite("asmk: descriptors to train on", vectors, { dim: points.dim, first: from });
    return { vectors, assigned: await assigner.assign(vectors) };
  };
  let next = begin(0);
  for (let from = 0; from < points.count; from += size) {
    const block = await next;
    if (from + size < points.count) {
      next = begin(from + size);
      // A failure is thrown where the block is awaited; without this line Node would also report it as unhandled.
      next.catch(() => {});
    }
    yield block;
  }
}

/** Adds each vector to the sum of its word, in float32, in order: the Float32Array rounds after every addition. */
function addToSums(
  vectors: Float32Array,
  words: Int32Array,
  dim: number,
  sums: Float32Array,
  counts: Float32Array,
): void {
  for (let i = 0; i < words.length; i++) {
    const to = words[i] * dim;
    const from = i * dim;
    counts[words[i]] += 1;
    for (let d = 0; d < dim; d++) sums[to + d] += vectors[from + d];
  }
}

/** Means by multiplication with the float32 reciprocal, as the reference does; empty clusters stay as they are. */
function divideByCounts(sums: Float32Array, counts: Float32Array, dim: number): void {
  for (let w = 0; w < counts.length; w++) {
    if (counts[w] === 0) continue;
    const scale = Math.fround(1 / counts[w]);
    for (let d = 0; d < dim; d++) sums[w * dim + d] *= scale;
  }
}

function imbalanceFactor(counts: Float32Array, points: number): number {
  let squares = 0;
  for (const c of counts) squares += c * c;
  return (squares * counts.length) / (points * points);
}
