/** @file What one epoch draws: query–positive pairs, and the images among which negatives are sought (fire.md §5.3). */
import { UsageError } from "../../base/errors.js";
import type { TrainingSet } from "../datasets/types.js";
import type { RandomStream } from "./stream.js";

/** `training.dataset` of a configuration; both sizes are cut to what there is. */
export interface DrawSizes {
  /** Pairs an epoch. */
  readonly queries: number;
  /** Images searched for negatives. */
  readonly pool: number;
  /** Negatives a query; 0 draws no pool. */
  readonly negatives: number;
}

/** Indices into `TrainingSet.images`. */
export interface EpochDraw {
  readonly queries: Int32Array;
  readonly positives: Int32Array;
  readonly pool: Int32Array;
}

/** The unit drawn is a pair, so the same query image can come more than once in an epoch. */
export function drawEpoch(set: TrainingSet, sizes: DrawSizes, stream: RandomStream): EpochDraw {
  const pairs = set.queries.length;
  if (pairs === 0) throw new UsageError("NoPairs", `data: ${set.name}: no query–positive pairs to train on`);
  const drawn = pairsAt(set, stream.permutation(pairs, Math.min(sizes.queries, pairs)));
  const images = set.images.length;
  const pool = sizes.negatives === 0 ? new Int32Array(0) : stream.permutation(images, Math.min(sizes.pool, images));
  return { ...drawn, pool };
}

/** The pairs at these positions of the set's lists. */
export function pairsAt(
  set: Pick<TrainingSet, "queries" | "positives">,
  positions: Int32Array,
): Pick<EpochDraw, "queries" | "positives"> {
  return {
    queries: positions.map((p) => set.queries[p]),
    positives: positions.map((p) => set.positives[p]),
  };
}
