/** @file What a retrieval data set is, whatever file described it. */
import type { Box } from "../resize.js";

/** One query photo; the box, in pixels of the file's image, is the part that is asked for (null: all of it). */
export interface DatasetQuery {
  /** As the list of queries has it. */
  readonly name: string;
  readonly path: string;
  readonly box: Box | null;
}

/** One query's judgements, as indices into `Dataset.images`: the revisited protocol (easy, medium, hard). */
export interface RevisitedRecord {
  readonly easy: readonly number[];
  readonly hard: readonly number[];
  readonly junk: readonly number[];
}

/** One query's judgements in the old protocol. */
export interface OldRecord {
  readonly ok: readonly number[];
  readonly junk: readonly number[];
}

interface DatasetBase {
  readonly name: string;
  /** Absolute paths of the database, in the order that judgements and results count in. */
  readonly images: readonly string[];
  /** The same photos as their list names them. */
  readonly imageNames: readonly string[];
  readonly queries: readonly DatasetQuery[];
  /** What looked odd but does not prevent the use, one sentence each; for the user's eyes. */
  readonly warnings: readonly string[];
  /** What was passed over and need not worry anybody (comments of a list, keys that are not used), one sentence each. */
  readonly notes?: readonly string[];
}

/** A database, its queries, and who is right; `groundTruth` has one record a query, or is null where nobody judged. */
export type Dataset =
  | (DatasetBase & { readonly protocol: "revisited"; readonly groundTruth: readonly RevisitedRecord[] })
  | (DatasetBase & { readonly protocol: "old"; readonly groundTruth: readonly OldRecord[] | null });

/** Photos with a cluster each, and query–positive pairs: what training tuples are drawn from. */
export interface TrainingSet {
  readonly name: string;
  /** Absolute paths. */
  readonly images: readonly string[];
  /** Cluster (3D model, landmark, class) of each image, numbered from 0 in order of appearance. */
  readonly clusters: Int32Array;
  /** Pair i is images[queries[i]] and images[positives[i]]. */
  readonly queries: Int32Array;
  readonly positives: Int32Array;
  readonly warnings: readonly string[];
}
