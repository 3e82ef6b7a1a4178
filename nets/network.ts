/** @file What every retrieval network offers to the tasks above it: local and global descriptors of one photo. */
import type { ImageInput } from "../base/image.js";

/**
 * The selected local descriptors of one image, strongest first (ties: candidate order).
 * All arrays are aligned; `descriptors` is count × dim row-major, not L2-normalised.
 */
export interface LocalFeatures {
  readonly count: number;
  readonly dim: number;
  readonly descriptors: Float32Array;
  readonly strengths: Float32Array;
  /** count × 2, (x, y): feature-map cell at its scale for HOW; (0, template index) for FIRe. */
  readonly locations: Int16Array;
  /** The scale each descriptor was found at, rounded to half precision (1.414 → 1.4140625). */
  readonly scales: Float32Array;
}

export interface LocalOptions {
  /** Multi-scale factors in order, for example [2, 1.414, 1, 0.707, 0.5, 0.353, 0.25]. */
  readonly scales: readonly number[];
  /** How many descriptors to keep; null keeps all. */
  readonly featuresNum: number | null;
}

/** A FIRe or HOW network with its weights on a device. Images must already be limited to the image size (data room). */
export interface RetrievalNetwork {
  readonly kind: "fire" | "how";
  readonly architecture: string;
  /** Dimension of local and global descriptors. */
  readonly outputDim: number;
  /** The `net_params.runtime` of the checkpoint, where it has one. */
  readonly runtime: Readonly<RuntimeParams>;
  extractLocal(image: ImageInput, options: LocalOptions): Promise<LocalFeatures>;
  /** L2-normalised global descriptor, outputDim values. */
  extractGlobal(image: ImageInput, scales: readonly number[]): Promise<Float32Array>;
  /** Both in one pass over the image, at the same scales. */
  extractBoth(image: ImageInput, options: LocalOptions): Promise<{ local: LocalFeatures; global: Float32Array }>;
  /** Frees the weights on the device. */
  destroy(): void;
}

/** `net_params.runtime` (spec: fire.md §6, how.md §2). */
export interface RuntimeParams {
  meanStd: [mean: number[], std: number[]];
  imageSize: number;
  featuresNum: number | null;
  scales: number[];
  trainingScales: number[];
}
