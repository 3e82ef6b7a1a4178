/** @file Numbers about an inverted file (asmk.md §8). */
import type { InvertedFile } from "./inverted-file.js";

/** The reference's statistics, by its names. */
export interface IndexStatistics {
  readonly images: number;
  readonly vectors_per_image: number;
  readonly mean_entries_per_vw: number;
  readonly min_entries_per_vw: number;
  readonly max_entries_per_vw: number;
  /** Population standard deviation. */
  readonly std_of_entries_per_vw: number;
  readonly empty_vw: number;
  /** K·Σcounts² / (Σcounts)²: 1 when all lists are equally long. NaN for an empty index. */
  readonly imbalance_factor_of_vw: number;
}

/** Statistics of an index. Sums are exact: the reference's 32-bit square sum overflows for lists above 46,340 entries. */
export function indexStatistics(index: Pick<InvertedFile, "counts" | "imageCount">): IndexStatistics {
  const { counts, imageCount } = index;
  const words = counts.length;
  let sum = 0n;
  let squares = 0n;
  let [min, max, empty] = [counts[0], counts[0], 0];
  for (const count of counts) {
    sum += BigInt(count);
    squares += BigInt(count) * BigInt(count);
    if (count < min) min = count;
    if (count > max) max = count;
    if (count === 0) empty++;
  }
  const total = Number(sum);
  const mean = total / words;
  let variance = 0;
  for (const count of counts) variance += (count - mean) ** 2 / words;
  return {
    images: imageCount,
    vectors_per_image: total / imageCount,
    mean_entries_per_vw: mean,
    min_entries_per_vw: min,
    max_entries_per_vw: max,
    std_of_entries_per_vw: Math.sqrt(variance),
    empty_vw: empty,
    imbalance_factor_of_vw: (words * Number(squares)) / total ** 2,
  };
}
