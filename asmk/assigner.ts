/** @file The step of k-means that costs: which centroid is nearest. Exchangeable, so that a GPU can do it. */
import { nearestCentroids, squaredDistance, squaredNorms } from "./nearest.js";

/** The nearest centroid of each vector of a block. */
export interface Assignment {
  /** Index of the nearest centroid; ties to the lower index. */
  readonly words: Int32Array;
  /** Squared L2 distance to it. */
  readonly distances: Float32Array;
}

/** Finds nearest centroids for k-means. One training run uses it: setCentroids, assign for every block, again. */
export interface Assigner {
  /** The centroids to compare with from now on: words × dim, row-major. */
  setCentroids(centroids: Float32Array, dim: number): void | Promise<void>;
  /** @param vectors any number of rows of dim values; they stay unchanged until the result is there */
  assign(vectors: Float32Array): Assignment | Promise<Assignment>;
}

/** Exact, in float64, one thread: for tests and small codebooks. */
export class CpuAssigner implements Assigner {
  private centroids: Float32Array = new Float32Array(0);
  private norms: Float64Array = new Float64Array(0);
  private dim = 1;

  setCentroids(centroids: Float32Array, dim: number): void {
    this.centroids = centroids;
    this.dim = dim;
    this.norms = squaredNorms(centroids, dim);
  }

  assign(vectors: Float32Array): Assignment {
    const count = vectors.length / this.dim;
    const words = new Int32Array(count);
    const distances = new Float32Array(count);
    nearestCentroids(vectors, this.centroids, this.norms, this.dim, 1, words);
    for (let i = 0; i < count; i++) distances[i] = squaredDistance(vectors, i, this.centroids, words[i], this.dim);
    return { words, distances };
  }
}
