/**
 * @file Multi-scale extraction, common to FIRe and HOW: photo bytes go up, each scale runs through the network, the
 * strongest descriptors of all scales come down. One plan, and so one submit, an image; a second image of the same size
 * replays it. Scales that a photo is too thin for are left out (fitting-scales.ts).
 */
import { anything, checkArgument, checkOptions, listOf, orNull, positive, whole } from "../base/check.js";
import { UsageError } from "../base/errors.js";
import { requireFinite } from "../base/finite.js";
import { checkImage, type ImageInput } from "../base/image.js";
import { f16ToNumber, numberToF16 } from "../base/tensor.js";
import type { Device } from "../engine/device.js";
import { pad4, run } from "../engine/op.js";
import { normalise } from "../engine/ops/normalise.js";
import { type ResizeConvention, rescale } from "../engine/ops/resize.js";
import { gatherRows, strongest, weightedSum } from "../engine/ops/select.js";
import type { Plan } from "../engine/plan.js";
import type { Tensor } from "../engine/tensor.js";
import { requireScales } from "./fitting-scales.js";
import type { LocalFeatures, LocalOptions, RuntimeParams } from "./network.js";

/** Candidates of all scales: aligned rows, those of one scale below those of another. */
export type Candidates = {
  /** [count, D padded to 4] */
  readonly descriptors: Tensor;
  /** [count] */
  readonly strengths: Tensor;
};

/** The map on which the candidates of one scale lie, row-major, y outer. */
export interface CandidateMap {
  readonly count: number;
  readonly width: number;
}

/** What a network does with a photo at several scales. */
export interface ScaleNetwork {
  readonly convention: ResizeConvention;
  /** @param images of each scale, normalised and rescaled [1, H, W, 4]: made when they are needed */
  candidates(images: readonly (() => Tensor)[]): { readonly rows: Candidates; readonly maps: readonly CandidateMap[] };
}

let plans = 0;

/** Options of a photo's local features; those of a checkpoint's `runtime` may be handed on as they are. */
const LOCAL_RULES = {
  scales: listOf(positive),
  featuresNum: orNull(whole(1)),
  meanStd: anything,
  imageSize: anything,
  trainingScales: anything,
};

const OVERFLOW = "the numbers of this network grow beyond the precision it computes in; are its weights right?";

export class Extractor {
  private readonly id = `extract${plans++}/`;
  /** The candidate maps by plan, known from the capture. */
  private readonly maps = new Map<string, readonly CandidateMap[]>();
  private freed = false;

  constructor(
    private readonly device: Device,
    private readonly network: ScaleNetwork,
    private readonly runtime: RuntimeParams,
    private readonly outputDim: number,
  ) {}

  /** Local features of one image (fire.md §1.7, how.md §1). */
  async local(image: ImageInput, options: LocalOptions): Promise<LocalFeatures> {
    this.check("extractLocal", image);
    checkOptions("extractLocal", options, LOCAL_RULES, ["scales", "featuresNum"]);
    const scales = requireScales(image, options.scales);
    const key = `${this.id}local/${sizeKey(image)}/${scales}/${options.featuresNum}`;
    const plan = this.plan(key, image, scales, (all) => this.selection(all, options.featuresNum));
    return this.assemble(key, scales, await plan.run(image.data));
  }

  /** Σ strength · descriptor over all scales, divided by (its norm + 1e-6) (fire.md §1.6). */
  async global(image: ImageInput, wanted: readonly number[], divideByMaximum: boolean): Promise<Float32Array> {
    this.check("extractGlobal", image);
    checkArgument("extractGlobal: scales", wanted, LOCAL_RULES.scales);
    const scales = requireScales(image, wanted);
    const key = `${this.id}global/${sizeKey(image)}/${scales}`;
    const plan = this.plan(key, image, scales, (all) => [all.strengths, this.weighted(all)]);
    const [strengths, partial] = (await plan.run(image.data)) as Float32Array[];
    return this.total(strengths, partial, divideByMaximum);
  }

  /** Local features and global descriptor in one pass over the image. */
  async both(
    image: ImageInput,
    options: LocalOptions,
    divideByMaximum: boolean,
  ): Promise<{ local: LocalFeatures; global: Float32Array }> {
    this.check("extractBoth", image);
    checkOptions("extractBoth", options, LOCAL_RULES, ["scales", "featuresNum"]);
    const scales = requireScales(image, options.scales);
    const key = `${this.id}both/${sizeKey(image)}/${scales}/${options.featuresNum}`;
    const plan = this.plan(key, image, scales, (all) => [
      this.weighted(all),
      ...this.selection(all, options.featuresNum),
    ]);
    const [partial, ...selected] = await plan.run(image.data);
    const global = this.total(selected[0] as Float32Array, partial as Float32Array, divideByMaximum);
    return { local: this.assemble(key, scales, selected), global };
  }

  /** Forgets the plans of this network. It describes no more photos. */
  free(): void {
    this.freed = true;
    this.device.plans.dropAll(this.id);
    this.maps.clear();
  }

  private check(name: string, image: ImageInput): void {
    if (this.freed) throw new UsageError("Closed", `${name}: the network was used after destroy(); load it again`);
    checkImage(name, image);
  }

  private plan(key: string, image: ImageInput, scales: readonly number[], finish: (all: Candidates) => Tensor[]): Plan {
    return this.device.plans.get(key, () => {
      const { width, height } = image;
      const [mean, std] = this.runtime.meanStd;
      return this.device.plan(
        (input) => {
          const full =
            image.data instanceof Float32Array
              ? input([1, height, width, 4], "f32")
              : run(this.device, normalise, [input([height * width * 3], "u8")], { height, width, mean, std });
          const { rows, maps } = this.network.candidates(
            scales.map((s) => () => rescale(this.device, full, s, this.network.convention)),
          );
          this.maps.set(key, maps);
          return finish(rows);
        },
        `a photo of ${width} × ${height} at scales ${scales.join(", ")}`,
      );
    });
  }

  /** What `assemble` reads back: strengths of all candidates, rows of the strongest, and which they are. */
  private selection({ descriptors, strengths }: Candidates, featuresNum: number | null): Tensor[] {
    // without a limit everything is read back and ordered there: sorting 25,000 candidates is no work for one workgroup
    if (featuresNum === null) return [strengths, descriptors];
    const order = strongest(this.device, strengths, Math.min(featuresNum, strengths.elements));
    return [strengths, run(this.device, gatherRows, [descriptors, order], {}), order];
  }

  private weighted({ descriptors, strengths }: Candidates): Tensor {
    return run(this.device, weightedSum, [descriptors, strengths], { images: 1 });
  }

  private total(strengths: Float32Array, partial: Float32Array, divideByMaximum: boolean): Float32Array {
    const scale = divideByMaximum ? 1 / strengths.reduce((a, b) => Math.max(a, b), 0) : 1;
    const columns = pad4(this.outputDim);
    const sum = new Float64Array(this.outputDim);
    for (let at = 0; at < partial.length; at += columns)
      for (let d = 0; d < this.outputDim; d++) sum[d] += partial[at + d] * scale;
    const norm = Math.sqrt(sum.reduce((s, v) => s + v * v, 0)) + 1e-6;
    const descriptor = Float32Array.from(sum, (v) => v / norm);
    requireFinite("network: strengths of local descriptors", strengths, { hint: OVERFLOW });
    requireFinite("network: global descriptor", descriptor, { hint: OVERFLOW });
    return descriptor;
  }

  private assemble(key: string, scales: readonly number[], data: readonly ArrayBufferView[]): LocalFeatures {
    const [strengths, rows, selected] = data as [Float32Array, Float32Array, Uint32Array | undefined];
    const order = selected ?? sortedOrder(strengths);
    const gathered = selected !== undefined;
    const maps = this.maps.get(key)!;
    const dim = this.outputDim;
    const columns = pad4(dim);
    const count = order.length;
    const descriptors = new Float32Array(count * dim);
    const out = {
      strengths: new Float32Array(count),
      locations: new Int16Array(count * 2),
      scales: new Float32Array(count),
    };
    for (let i = 0; i < count; i++) {
      const row = gathered ? i : order[i];
      descriptors.set(rows.subarray(row * columns, row * columns + dim), i * dim);
      let cell = order[i];
      let s = 0;
      while (cell >= maps[s].count) cell -= maps[s++].count;
      out.strengths[i] = strengths[order[i]];
      out.locations[2 * i] = cell % maps[s].width;
      out.locations[2 * i + 1] = Math.floor(cell / maps[s].width);
      out.scales[i] = f16ToNumber(numberToF16(scales[s]));
    }
    requireFinite("network: strengths of local descriptors", strengths, { hint: OVERFLOW });
    requireFinite("network: local descriptors", descriptors, { dim, hint: OVERFLOW });
    return { count, dim, descriptors, ...out };
  }
}

const sizeKey = ({ width, height, data }: ImageInput) => `${width}x${height}${data instanceof Float32Array ? "f" : ""}`;

/** All indices by strength descending, then index ascending. */
function sortedOrder(strengths: Float32Array): Uint32Array {
  return Uint32Array.from(strengths.keys()).sort((i, j) => strengths[j] - strengths[i] || i - j);
}
