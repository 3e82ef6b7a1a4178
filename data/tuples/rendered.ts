/** @file Rendered landmarks as a training set: views that share surface, by the known cameras, are pairs. */
import { join } from "node:path";
import { UsageError } from "../../base/errors.js";
import type { TrainingSet } from "../datasets/types.js";
import { positivesOf } from "../landmarks/read.js";
import type { LandmarkSet } from "../landmarks/render.js";

/**
 * Every ordered pair of a landmark's views that the overlaps make positives; each landmark is a cluster and so is each
 * distractor, which serves as a negative only. Query views count like the others: a set to train on has nothing to hide.
 * @throws UsageError when no two views share enough
 */
export function renderedTrainingSet(name: string, root: string, set: LandmarkSet): TrainingSet {
  const images: string[] = [];
  const clusters: number[] = [];
  const queries: number[] = [];
  const positives: number[] = [];
  for (const [cluster, landmark] of [...set.landmarks, ...set.distractors].entries()) {
    const first = images.length;
    for (const [i, view] of landmark.views.entries()) {
      images.push(join(root, view.image));
      clusters.push(cluster);
      for (const j of positivesOf(landmark, i)) {
        queries.push(first + i);
        positives.push(first + j);
      }
    }
  }
  if (queries.length === 0)
    throw new UsageError(
      "NoPairs",
      `data: ${name}: no two views of a landmark share enough surface; render more views`,
    );
  return {
    name,
    images,
    clusters: Int32Array.from(clusters),
    queries: Int32Array.from(queries),
    positives: Int32Array.from(positives),
    warnings: [],
  };
}
