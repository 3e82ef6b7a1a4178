/**
 * @file From candidates to nearest words, with a proof. A device scores all words roughly and measures the words of the
 * best groups in float32. Here the nearest of these are taken, and two things are checked for every vector:
 *
 * 1. Could a word that was not measured be nearer? Scores are upper bounds of (‖x‖² − ‖x − c‖²) / 2, so its squared
 *    distance is at least ‖x‖² − 2 last. When that does not exceed the m-th distance found, all words are measured again,
 *    in float64, by the CPU twin.
 * 2. Are two neighbours of the order so close that float32 cannot tell which is nearer? Then the candidates are scored
 *    in float64, by the formula of the twin, ties to the lower word.
 *
 * So the words are those of the twin, at the price of float64 for the few vectors that need it.
 */
import { nearestCentroids, squaredDistance } from "../nearest.js";
import { sumError, type WordTable } from "./word-table.js";

/** What a device found for a block of vectors. */
export interface Candidates {
  /** Groups a vector. */
  readonly picks: number;
  /** Picked groups of eight words, best first: [rows, picks]. */
  readonly groups: Uint32Array;
  /** ‖x‖² [rows] */
  readonly squares: Float64Array;
  /** Score of the worst picked group, an upper bound, times the table's scale: [rows]. */
  readonly last: Float32Array;
  /** Squared distances to the words of the picked groups: [rows, picks · 8]. */
  readonly distances: Float32Array;
}

/** Receives m words and squared distances a vector. */
export interface Chosen {
  readonly words: Int32Array;
  readonly distances: Float32Array;
}

/** How the words of vectors were decided. */
export interface Decided {
  vectors: number;
  /** Vectors whose near ties were decided in float64. */
  refined: number;
  /** Vectors that were compared with all words in float64. */
  searched: number;
}

/** Chooses the m nearest words of each vector of a block, and counts how; see the file's comment. */
export function chooseWords(
  table: WordTable,
  vectors: Float32Array,
  candidates: Candidates,
  m: number,
  out: Chosen,
  decided: Decided,
): void {
  const { dim, norms } = table;
  const slots = candidates.distances.length / candidates.last.length;
  const relative = sumError(dim);
  const nearest = { words: new Int32Array(m + 1), distances: new Float64Array(m + 1) };
  decided.vectors += candidates.last.length;
  for (let row = 0; row < candidates.last.length; row++) {
    const found = smallest(candidates, row, slots, table.words, nearest);
    const farthest = nearest.distances[m - 1];
    if (found < m || !(farthest * (1 + relative) < leastUnseen(table, candidates, row))) {
      const x = vectors.subarray(row * dim, (row + 1) * dim);
      const words = out.words.subarray(row * m, (row + 1) * m);
      nearestCentroids(x, table.centroids, norms, dim, m, words);
      for (let i = 0; i < m; i++) out.distances[row * m + i] = squaredDistance(x, 0, table.centroids, words[i], dim);
      decided.searched++;
      continue;
    }
    if (isClose(nearest.distances, found, m, 2 * relative)) {
      refine(table, vectors, row, candidates, slots, nearest);
      decided.refined++;
    }
    for (let i = 0; i < m; i++) {
      out.words[row * m + i] = nearest.words[i];
      out.distances[row * m + i] = nearest.distances[i];
    }
  }
}

interface Nearest {
  readonly words: Int32Array;
  readonly distances: Float64Array;
}

/** The nearest of a row's candidates, as many as `into` takes, by (distance, word). Returns how many there are. */
function smallest(candidates: Candidates, row: number, slots: number, words: number, into: Nearest): number {
  const most = into.words.length;
  let found = 0;
  for (let slot = 0; slot < slots; slot++) {
    const word = wordOf(candidates, row, slot);
    const distance = candidates.distances[row * slots + slot];
    if (word >= words || !(distance >= 0)) continue;
    if (found === most && !isBefore(distance, word, into, most - 1)) continue;
    let at = found < most ? found++ : most - 1;
    for (; at > 0 && isBefore(distance, word, into, at - 1); at--) {
      into.distances[at] = into.distances[at - 1];
      into.words[at] = into.words[at - 1];
    }
    into.distances[at] = distance;
    into.words[at] = word;
  }
  return found;
}

function isBefore(distance: number, word: number, { distances, words }: Nearest, i: number): boolean {
  return distance < distances[i] || (distance === distances[i] && word < words[i]);
}

function wordOf({ groups, picks }: Candidates, row: number, slot: number): number {
  return groups[row * picks + (slot >> 3)] * 8 + (slot & 7);
}

/** The least squared distance that a word outside the picked groups can have. */
function leastUnseen(table: WordTable, { picks, squares, last }: Candidates, row: number): number {
  if (picks * 8 >= table.padded) return Number.POSITIVE_INFINITY;
  return squares[row] - (2 * last[row]) / table.scale;
}

/** Whether float32 cannot order some neighbours among the first m + 1. The absolute part covers flushed denormals. */
function isClose(distances: Float64Array, found: number, m: number, relative: number): boolean {
  for (let i = 1; i <= Math.min(m, found - 1); i++)
    if (distances[i] - distances[i - 1] <= relative * distances[i] + 1e-30) return true;
  return false;
}

/** Orders all candidates that may be among the first m in float64, by the twin's formula ‖c‖² − 2 x·c. */
function refine(
  table: WordTable,
  vectors: Float32Array,
  row: number,
  candidates: Candidates,
  slots: number,
  into: Nearest,
): void {
  const { dim, norms, centroids } = table;
  const m = into.words.length - 1;
  const limit = into.distances[m - 1] * (1 + 8 * sumError(dim)) + 1e-30;
  const list: { word: number; score: number }[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const word = wordOf(candidates, row, slot);
    if (word >= norms.length || !(candidates.distances[row * slots + slot] <= limit)) continue;
    let product = 0;
    for (let d = 0; d < dim; d++) product += vectors[row * dim + d] * centroids[word * dim + d];
    list.push({ word, score: norms[word] - 2 * product });
  }
  list.sort((a, b) => a.score - b.score || a.word - b.word);
  for (let i = 0; i < m; i++) {
    into.words[i] = list[i].word;
    into.distances[i] = squaredDistance(vectors, row, centroids, list[i].word, dim);
  }
}
