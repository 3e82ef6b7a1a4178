/**
 * @file The hardest negatives of each query: of the images most similar to it, the first of each cluster that is neither
 * the query's nor taken already (spec: fire.md §5.3, cirtorch.md §6, solar-global.md §7.6).
 *
 * The reference sorts all scores of a query and walks down. The result is the `count` clusters whose best image scores
 * highest, each with that image; so a list of `count` clusters a query, kept sorted while the pool streams by, gives the
 * same without holding the pool. (A cluster pushed out comes back only with an image that beats the list again.)
 */
import { UsageError } from "../../base/errors.js";
import { requireFinite } from "../../base/finite.js";

/** Added to each difference in the reported distance, as torch's pairwise distance does. */
const EPSILON = 1e-6;

export interface MinedNegatives {
  /** queries × count image indices, most similar first. */
  readonly images: Int32Array;
  /** Mean distance of a query to its negatives: falls while a network collapses, rises while it learns. */
  readonly meanDistance: number;
}

export class HardNegatives {
  private readonly scores: Float64Array;
  private readonly images: Int32Array;
  private readonly clusters: Int32Array;
  private readonly distances: Float64Array;
  /** Clusters held of each query. */
  private readonly held: Int32Array;
  private readonly queries: number;

  /**
   * @param descriptors queries × dim, of unit length @param queryClusters cluster of each
   * @param count negatives a query
   */
  constructor(
    private readonly descriptors: Float32Array,
    private readonly dim: number,
    private readonly queryClusters: Int32Array,
    private readonly count: number,
  ) {
    this.queries = queryClusters.length;
    if (descriptors.length !== this.queries * dim)
      throw new UsageError(
        "DescriptorCount",
        `mining: expected ${this.queries} × ${dim} values, got ${descriptors.length}`,
      );
    this.scores = new Float64Array(this.queries * count);
    this.images = new Int32Array(this.queries * count);
    this.clusters = new Int32Array(this.queries * count);
    this.distances = new Float64Array(this.queries * count);
    this.held = new Int32Array(this.queries);
  }

  /** Shows one image of the pool to all queries. Of equal scores the image shown first counts as more similar. */
  offer(image: number, cluster: number, descriptor: Float32Array): void {
    const { descriptors, dim, count, scores, held } = this;
    requireFinite(`mining: global descriptor of image ${image}`, descriptor);
    for (let q = 0; q < this.queries; q++) {
      if (this.queryClusters[q] === cluster) continue;
      let score = 0;
      for (let i = 0, at = q * dim; i < dim; i++, at++) score += descriptors[at] * descriptor[i];
      if (held[q] === count && score <= scores[q * count + count - 1]) continue;
      this.insert(q, image, cluster, score, descriptor);
    }
  }

  /** @throws UsageError when the pool did not have enough clusters */
  result(): MinedNegatives {
    const short = this.held.findIndex((n) => n < this.count);
    if (short >= 0)
      throw new UsageError(
        "TooFewClusters",
        `mining: expected images of ${this.count} clusters beside the query's own in the pool, got ${this.held[short]}; raise training.dataset.poolsize, or lower nnum`,
      );
    const meanDistance = this.distances.reduce((sum, d) => sum + d, 0) / Math.max(1, this.distances.length);
    return { images: this.images.slice(), meanDistance };
  }

  private insert(q: number, image: number, cluster: number, score: number, descriptor: Float32Array): void {
    const { scores, images, clusters, distances, held, count } = this;
    const first = q * count;
    let at = first;
    while (at < first + held[q] && clusters[at] !== cluster) at++;
    if (at < first + held[q]) {
      if (score <= scores[at]) return;
    } else if (held[q] < count) held[q]++;
    else at--;
    // Entry `at` is free now, or to be replaced; what scores less moves down.
    for (; at > first && score > scores[at - 1]; at--) {
      scores[at] = scores[at - 1];
      images[at] = images[at - 1];
      clusters[at] = clusters[at - 1];
      distances[at] = distances[at - 1];
    }
    scores[at] = score;
    images[at] = image;
    clusters[at] = cluster;
    distances[at] = this.distance(q, descriptor);
  }

  private distance(q: number, descriptor: Float32Array): number {
    let sum = 0;
    for (let i = 0; i < this.dim; i++) sum += (this.descriptors[q * this.dim + i] - descriptor[i] + EPSILON) ** 2;
    return Math.sqrt(sum);
  }
}
