/**
 * @file FIRe (Weinzaepfel, Lucas, Larlus, Kalantidis: "Learning super-features for image retrieval", ICLR 2022):
 * ResNet trunk → LIT → strength (L2 norm) → whitening to 128 dimensions (fire.md §1).
 */
import { FileFormatError } from "../base/errors.js";
import type { ImageInput } from "../base/image.js";
import { type Exec, Inference } from "../engine/exec.js";
import { rowNorm } from "../engine/ops/row-reduce.js";
import type { Tensor } from "../engine/tensor.js";
import { type Candidates, Extractor, type ScaleNetwork } from "./extraction.js";
import { Linear } from "./layers.js";
import { Lit, type LitMaps, type LitResult } from "./lit.js";
import type { LocalFeatures, LocalOptions, RetrievalNetwork, RuntimeParams } from "./network.js";
import { type NetParams, runtimeOf } from "./params.js";
import { ResNet } from "./resnet.js";
import type { WeightStore } from "./weight-store.js";

const STRENGTH_EPSILON = 1e-10;

/** Everything FIRe computes at one scale, for tests and for showing attention. */
export type FireScale = {
  /** Before whitening [N, dim of LIT]. */
  readonly raw: Tensor;
  /** After whitening [N, outputDim padded to 4]. */
  readonly superFeatures: Tensor;
  readonly strengths: Tensor;
  /** [N, locations padded to 4], each row sums to one. */
  readonly attention: Tensor;
};

export class FireNetwork implements RetrievalNetwork, ScaleNetwork {
  readonly kind = "fire";
  readonly convention = "given-scale";
  readonly architecture: string;
  readonly outputDim: number;
  readonly runtime: RuntimeParams;
  private readonly trunk: ResNet;
  private readonly lit: Lit;
  private readonly reduction: Linear | undefined;
  private readonly extractor: Extractor;
  private readonly inference: Inference;

  /** @throws FileFormatError listing the weights that are missing, misshapen or unexpected. */
  constructor(
    private readonly store: WeightStore,
    params: NetParams,
  ) {
    if (!params.lit)
      throw new FileFormatError("NotACheckpoint", store.source, "net_params.lit: expected T, N and dim, got nothing");
    this.inference = new Inference(store.device);
    this.architecture = params.architecture;
    this.runtime = runtimeOf(params);
    this.trunk = new ResNet(store.below("features."), {
      architecture: params.architecture,
      skipLayer: params.skip_layer,
      strideOnFirst: params.stride_on_first,
    });
    this.lit = new Lit(store.below("lit."), params.lit, this.trunk.channels);
    const { dim } = params.lit;
    this.outputDim = params.dim_reduction?.dim ?? dim;
    if (params.dim_reduction) this.reduction = whitening(store, this.outputDim, dim);
    this.extractor = new Extractor(store.device, this, this.runtime, this.outputDim);
  }

  /** One scale in full; `image` is normalised and rescaled [1, H, W, 4]. */
  forward(image: Tensor, exec: Exec = this.inference): FireScale {
    return exec.device.scope((): FireScale => {
      const result = this.attend(exec, image);
      const { descriptors, strengths } = this.describe(exec, result.superFeatures);
      const attention = this.lit.attentionMaps(exec, result);
      return { raw: result.superFeatures, superFeatures: descriptors, strengths, attention };
    });
  }

  /**
   * Images of one size [n, H, W, 4], for training: they go through trunk and LIT as one batch.
   * @returns super-features and attention maps, as `forward`, the rows of one image below those of another
   */
  forwardBatch(images: Tensor, exec: Exec): Pick<FireScale, "superFeatures" | "attention"> {
    const result = this.attend(exec, images);
    const superFeatures = this.reduction?.forward(exec, result.superFeatures) ?? result.superFeatures;
    return { superFeatures, attention: this.lit.attentionMaps(exec, result) };
  }

  /** Bytes of the largest tensor for an image of this size: with n of them in a batch it is n times as large. */
  largestBytes(height: number, width: number): number {
    return Math.max(this.trunk.largestBytes(height, width), this.lit.largestBytes(this.trunk.cells(height, width)));
  }

  /** The trunk sees one scale after the other, LIT all at once: most of what it does is small for one. */
  candidates(images: readonly (() => Tensor)[]) {
    const exec = this.inference;
    const { device } = exec;
    let count = 0;
    const rows = device.scope((): Candidates => {
      const maps = images.map((image) => {
        let map!: LitMaps;
        device.scope(() => {
          map = this.see(exec, image());
          return [map.keys, map.values];
        });
        return map;
      });
      const superFeatures = this.lit.superFeatures(exec, maps);
      count = superFeatures.shape[0] / images.length;
      return this.describe(exec, superFeatures);
    });
    // FIRe's super-features count as a map one wide and N high
    return { rows, maps: images.map(() => ({ count, width: 1 })) };
  }

  extractLocal(image: ImageInput, options: LocalOptions): Promise<LocalFeatures> {
    return this.extractor.local(image, options);
  }

  extractGlobal(image: ImageInput, scales: readonly number[]): Promise<Float32Array> {
    return this.extractor.global(image, scales, false);
  }

  extractBoth(image: ImageInput, options: LocalOptions) {
    return this.extractor.both(image, options, false);
  }

  private attend(exec: Exec, images: Tensor): LitResult {
    return exec.device.scope((): LitResult => this.lit.forward(exec, this.see(exec, images)));
  }

  /** Images of one size as LIT reads them. */
  private see(exec: Exec, images: Tensor): LitMaps {
    const map = this.trunk.forward(exec, images);
    const [n, h, w, c] = map.shape;
    const read = this.lit.read(exec, map.view([n * h * w, c]), n);
    exec.release(map);
    return read;
  }

  /** Strength is taken before the whitening (fire.md §1.3). */
  private describe(exec: Exec, raw: Tensor): Candidates {
    const strengths = exec.run(rowNorm, [raw], { epsilon: STRENGTH_EPSILON });
    const descriptors = this.reduction?.forward(exec, raw) ?? raw;
    return { descriptors, strengths };
  }

  destroy(): void {
    this.extractor.free();
    this.store.free();
  }
}

/** The fixed PCA-whitening, stored as a 1×1 convolution `dim_reduction` (fire.md §1.4). */
export function whitening(store: WeightStore, dim: number, inputDim: number): Linear {
  return new Linear(store, "dim_reduction", [dim, inputDim, 1, 1], { bias: true });
}
