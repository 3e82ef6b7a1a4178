/**
 * @file HOW (Tolias, Jenicek, Chum: "Learning and aggregating deep local descriptors for instance-level recognition",
 * ECCV 2020): ResNet trunk; attention is the L2 norm of its features; these are smoothed and whitened (how.md §1).
 */
import { FileFormatError } from "../base/errors.js";
import type { ImageInput } from "../base/image.js";
import { type Exec, Inference } from "../engine/exec.js";
import { pad4 } from "../engine/op.js";
import { averagePool } from "../engine/ops/pool.js";
import { rowNorm } from "../engine/ops/row-reduce.js";
import { concatRows } from "../engine/ops/select.js";
import type { Tensor } from "../engine/tensor.js";
import { type CandidateMap, type Candidates, Extractor, type ScaleNetwork } from "./extraction.js";
import { whitening } from "./fire.js";
import type { Linear } from "./layers.js";
import type { LocalFeatures, LocalOptions, RetrievalNetwork, RuntimeParams } from "./network.js";
import { type NetParams, runtimeOf } from "./params.js";
import { ResNet } from "./resnet.js";
import type { WeightStore } from "./weight-store.js";

const ATTENTION_EPSILON = 1e-10;

/** Everything HOW computes at one scale: rows are the cells of the map, row-major. */
export type HowScale = {
  /** [cells, outputDim padded to 4] */
  readonly features: Tensor;
  /** [cells], not divided by the maximum. */
  readonly attention: Tensor;
};

export class HowNetwork implements RetrievalNetwork, ScaleNetwork {
  readonly kind = "how";
  readonly convention = "true-ratio";
  readonly architecture: string;
  readonly outputDim: number;
  readonly runtime: RuntimeParams;
  private readonly trunk: ResNet;
  private readonly reduction: Linear | undefined;
  private readonly smoothing: number | undefined;
  private readonly extractor: Extractor;
  private readonly inference: Inference;

  /** @throws FileFormatError listing the weights that are missing, misshapen or unexpected. */
  constructor(
    private readonly store: WeightStore,
    params: NetParams,
  ) {
    this.inference = new Inference(store.device);
    this.architecture = params.architecture;
    this.runtime = runtimeOf(params);
    this.smoothing = params.smoothing?.kernel_size;
    if (this.smoothing !== undefined && this.smoothing % 2 === 0)
      throw new FileFormatError(
        "NotACheckpoint",
        store.source,
        `net_params.smoothing.kernel_size: expected an odd size (an even one moves features away from their attention), got ${this.smoothing}`,
      );
    this.trunk = new ResNet(store.below("features."), {
      architecture: params.architecture,
      skipLayer: params.skip_layer,
      strideOnFirst: params.stride_on_first,
    });
    this.outputDim = params.dim_reduction?.dim ?? this.trunk.channels;
    if (params.dim_reduction) this.reduction = whitening(store, this.outputDim, this.trunk.channels);
    this.extractor = new Extractor(store.device, this, this.runtime, this.outputDim);
  }

  /** One scale; `image` is normalised and rescaled [n, H, W, 4]. The attention is taken before the smoothing. */
  forward(image: Tensor, exec: Exec = this.inference): HowScale & { map: readonly [height: number, width: number] } {
    let map: readonly [number, number] = [0, 0];
    const result = exec.device.scope((): HowScale => {
      const x = this.trunk.forward(exec, image);
      const [n, h, w, c] = x.shape;
      map = [h, w];
      const attention = exec.run(rowNorm, [x.view([n * h * w, c])], { epsilon: ATTENTION_EPSILON });
      const k = this.smoothing;
      const smooth = k ? exec.run(averagePool, [x], { kernel: k, stride: 1, padding: (k - 1) / 2 }) : x;
      smooth.reshape([n * h * w, c]);
      return { features: this.reduction?.forward(exec, smooth) ?? smooth, attention };
    });
    return { ...result, map };
  }

  /** Bytes of the largest tensor for an image of this size. */
  largestBytes(height: number, width: number): number {
    return Math.max(this.trunk.largestBytes(height, width), 4 * pad4(this.outputDim) * this.trunk.cells(height, width));
  }

  candidates(images: readonly (() => Tensor)[]) {
    const { device } = this.inference;
    const maps: CandidateMap[] = [];
    const rows = device.scope((): Candidates => {
      const scales = images.map((image) =>
        device.scope((): HowScale => {
          const { map, ...scale } = this.forward(image());
          maps.push({ count: map[0] * map[1], width: map[1] });
          return scale;
        }),
      );
      return {
        descriptors: concatRows(
          device,
          scales.map((s) => s.features),
        ),
        strengths: concatRows(
          device,
          scales.map((s) => s.attention),
        ),
      };
    });
    return { rows, maps };
  }

  /** Strengths are divided by their maximum over all scales, as the reference returns them. */
  async extractLocal(image: ImageInput, options: LocalOptions): Promise<LocalFeatures> {
    return relative(await this.extractor.local(image, options));
  }

  async extractBoth(image: ImageInput, options: LocalOptions) {
    const { local, global } = await this.extractor.both(image, options, true);
    return { local: relative(local), global };
  }

  extractGlobal(image: ImageInput, scales: readonly number[]): Promise<Float32Array> {
    return this.extractor.global(image, scales, true);
  }

  destroy(): void {
    this.extractor.free();
    this.store.free();
  }
}

/** Strengths divided by their maximum over all scales and positions: the first, because they are sorted. */
function relative(features: LocalFeatures): LocalFeatures {
  const maximum = features.strengths[0];
  return { ...features, strengths: features.strengths.map((v) => v / maximum) };
}
