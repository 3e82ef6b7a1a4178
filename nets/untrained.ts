/**
 * @file A HOW network that was not trained for retrieval. Its trunk is given (off the shelf, such as ImageNet's), or seeded
 * random convolutions (He et al. 2015) whose batch norms get the means and variances of real activations; its whitening is
 * a PCA of the features that come out. A start for training, and what training is compared with.
 */
import { UsageError } from "../base/errors.js";
import type { RgbImage } from "../base/image.js";
import { elementCount, f32Tensor, type HostTensor, numberToF16 } from "../base/tensor.js";
import type { Device } from "../engine/device.js";
import { Inference } from "../engine/exec.js";
import { type Op, run } from "../engine/op.js";
import { conv2d } from "../engine/ops/conv2d.js";
import { normalise } from "../engine/ops/normalise.js";
import type { Tensor } from "../engine/tensor.js";
import { HowNetwork } from "./how.js";
import type { RuntimeParams } from "./network.js";
import type { NetParams } from "./params.js";
import { State } from "./state.js";
import { BN_EPSILON, InferenceStore, type Packed, type WeightStore } from "./weight-store.js";
import { generateValues } from "./weights/generator.js";
import { Covariance } from "./whitening/covariance.js";
import { asConvolution, pcaWhitening } from "./whitening/pca.js";

/** What to make. */
export interface UntrainedOptions {
  readonly architecture: string;
  /** Stages dropped from the end of the trunk. */
  readonly skipLayer: number;
  /** Dimension after whitening. */
  readonly dim: number;
  /** Kernel of the smoothing, odd. */
  readonly smoothing: number;
  /** Strength of the whitening: 1 makes all components equally long, 0 only rotates. */
  readonly shrinkage: number;
  readonly seed: number;
  /** Weights of a trained trunk by their names in HOW's module (`features.…`); without them they are random by the seed. */
  readonly trunk?: ReadonlyMap<string, HostTensor>;
  /** The stride of a bottleneck stage sits on its first 1×1, as in the original ResNet-50 (nets/resnet.ts). */
  readonly strideOnFirst?: boolean;
  readonly runtime: RuntimeParams;
}

/** Weights by their names in HOW's module, and the network's parameters as a checkpoint states them. */
export interface UntrainedNetwork {
  readonly stateDict: ReadonlyMap<string, HostTensor>;
  readonly netParams: NetParams;
}

/**
 * Makes the network from a seed and some photos, which should be of the kind it will see.
 * @param photos at most as large as they will be; all are held in memory
 * @param onStep is told before each of the `total` parts of the work
 * @throws UsageError without photos; NumericError when they show too little for that many dimensions
 */
export async function untrainedHow(
  device: Device,
  options: UntrainedOptions,
  photos: readonly RgbImage[],
  onStep: (step: number, total: number) => void = () => {},
): Promise<UntrainedNetwork> {
  if (photos.length === 0)
    throw new UsageError("NoPhotos", "untrained network: expected photos to learn from, got none");
  const { architecture, skipLayer, runtime } = options;
  const trunk: NetParams = {
    architecture,
    skip_layer: skipLayer,
    stride_on_first: options.strideOnFirst ?? false,
    smoothing: { kernel_size: options.smoothing },
    runtime: {
      mean_std: runtime.meanStd as [number[], number[]],
      image_size: runtime.imageSize,
      features_num: runtime.featuresNum,
      scales: runtime.scales,
      training_scales: runtime.trainingScales,
    },
  };
  const tensors = new Map(options.trunk);
  const settled = new Set<string>();
  for (let layers = 1; !options.trunk && settled.size < layers; ) {
    layers = await withTrunk(device, tensors, options.seed, trunk, async (network, names) => {
      onStep(settled.size, names.size + 1);
      await settleNext(device, network, photos, tensors, names, settled);
      return names.size;
    });
  }
  await withTrunk(device, tensors, options.seed, trunk, async (network) => {
    onStep(settled.size, settled.size + 1);
    const covariance = new Covariance(network.outputDim);
    for (const photo of photos) covariance.add((await network.extractLocal(photo, runtime)).descriptors);
    const { weight, bias } = asConvolution(pcaWhitening(covariance, options.dim, options.shrinkage));
    tensors.set("dim_reduction.weight", f32Tensor([options.dim, network.outputDim, 1, 1], weight));
    tensors.set("dim_reduction.bias", f32Tensor([options.dim], bias));
  });
  return { stateDict: tensors, netParams: { ...trunk, dim_reduction: { dim: options.dim } } };
}

/** Batch norms by the tensor that their convolution is given as bias. */
type BatchNorms = ReadonlyMap<Tensor, string>;

async function withTrunk<T>(
  device: Device,
  tensors: Map<string, HostTensor>,
  seed: number,
  params: NetParams,
  use: (network: HowNetwork, names: BatchNorms) => Promise<T>,
): Promise<T> {
  const names = new Map<Tensor, string>();
  const network = new HowNetwork(new SeededStore(device, tensors, seed, names), params);
  try {
    return await use(network, names);
  } finally {
    network.destroy();
  }
}

/** Gives the first batch norm (in order of execution) that is not yet settled the statistics of its input. */
async function settleNext(
  device: Device,
  network: HowNetwork,
  photos: readonly RgbImage[],
  tensors: Map<string, HostTensor>,
  names: BatchNorms,
  settled: Set<string>,
): Promise<void> {
  const [mean, std] = network.runtime.meanStd;
  const probe = new Probe(device, names, settled);
  let channels = 0;
  let count = 0;
  let sums = new Float64Array(0);
  for (const { width, height, data } of photos) {
    const raw = device.scope(() => {
      const bytes = device.upload(data, [data.length], "photo");
      network.forward(run(device, normalise, [bytes], { height, width, mean, std }), probe);
      return probe.take();
    });
    channels = raw.shape[3];
    if (sums.length === 0) sums = new Float64Array(2 * channels);
    const values = await device.readF32(raw);
    raw.free();
    for (let i = 0; i < values.length; i++) {
      const c = i % channels;
      sums[c] += values[i];
      sums[channels + c] += values[i] * values[i];
    }
    count += values.length / channels;
  }
  const means = Float32Array.from(sums.subarray(0, channels), (s) => s / count);
  const variances = Float32Array.from(sums.subarray(channels), (s, c) => s / count - (sums[c] / count) ** 2);
  const name = probe.target as string;
  tensors.set(`${name}.running_mean`, f32Tensor([channels], means));
  tensors.set(`${name}.running_var`, f32Tensor([channels], variances));
  settled.add(name);
}

/** Runs everything, and of one convolution also what its batch norm is given. */
class Probe extends Inference {
  /** The batch norm that is looked at: the first unsettled one that is met. */
  target: string | undefined;
  private seen: Tensor | undefined;

  constructor(
    device: Device,
    private readonly names: BatchNorms,
    private readonly settled: ReadonlySet<string>,
  ) {
    super(device);
  }

  override run<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
    const name = op.name === conv2d.name ? this.names.get(inputs[2]) : undefined;
    if (name && !this.settled.has(name)) this.target ??= name;
    if (name && name === this.target) {
      // without residual and ReLU; an unsettled batch norm is the identity, so this is the bare convolution
      this.seen = this.device.keep(run(this.device, op, inputs.slice(0, 3), { ...attrs, relu: false }));
    }
    return run(this.device, op, inputs, attrs);
  }

  /** What was seen in the last pass; the caller frees it. */
  take(): Tensor {
    const seen = this.seen;
    this.seen = undefined;
    if (!seen) throw new Error("nets: no batch norm was met that needs statistics");
    return seen;
  }
}

/** Makes every weight that is asked for and not there yet, in place. */
class SeededStore implements WeightStore {
  readonly source = "untrained network";
  private readonly inner: WeightStore;

  constructor(
    readonly device: Device,
    private readonly tensors: Map<string, HostTensor>,
    private readonly seed: number,
    private readonly names: Map<Tensor, string>,
    private readonly prefix = "",
    inner?: WeightStore,
  ) {
    this.inner = inner ?? new InferenceStore(device, new State(tensors, this.source));
  }

  below(prefix: string): WeightStore {
    const { device, tensors, seed, names } = this;
    return new SeededStore(device, tensors, seed, names, this.prefix + prefix, this.inner.below(prefix));
  }

  convBN(conv: string, bn: string, shape: readonly [number, number, number, number]): Packed {
    const [out] = shape;
    this.make(`${conv}.weight`, () => this.heTensor(`${this.prefix}${conv}.weight`, shape));
    const constant = (value: number) => () => f32Tensor([out], new Float32Array(out).fill(value));
    this.make(`${bn}.weight`, constant(1));
    this.make(`${bn}.bias`, constant(0));
    this.make(`${bn}.running_mean`, constant(0));
    this.make(`${bn}.running_var`, constant(1 - BN_EPSILON));
    this.make(`${bn}.num_batches_tracked`, () => ({ dtype: "I64", shape: [], data: new BigInt64Array(1) }));
    const packed = this.inner.convBN(conv, bn, shape);
    this.names.set(packed.bias as Tensor, this.prefix + bn);
    return packed;
  }

  conv(name: string, shape: readonly [number, number, number, number]): Packed {
    this.make(`${name}.weight`, () => this.heTensor(`${this.prefix}${name}.weight`, shape));
    this.make(`${name}.bias`, () => f32Tensor([shape[0]], new Float32Array(shape[0])));
    return this.inner.conv(name, shape);
  }

  linear(name: string, shape: readonly number[], bias: boolean): Packed {
    this.make(`${name}.weight`, () => this.heTensor(`${this.prefix}${name}.weight`, shape));
    if (bias) this.make(`${name}.bias`, () => f32Tensor([shape[0]], new Float32Array(shape[0])));
    return this.inner.linear(name, shape, bias);
  }

  tensor(name: string, shape: readonly number[]): { readonly tensor: Tensor } {
    this.make(name, () => this.heTensor(this.prefix + name, shape));
    return this.inner.tensor(name, shape);
  }

  rows(name: string, shape: readonly number[]): { readonly tensor: Tensor } {
    this.make(name, () => this.heTensor(this.prefix + name, shape));
    return this.inner.rows(name, shape);
  }

  free(): void {
    this.inner.free();
  }

  private make(name: string, tensor: () => HostTensor): void {
    const key = this.prefix + name;
    if (!this.tensors.has(key)) this.tensors.set(key, tensor());
  }

  /** Uniform, of variance 2 / (inputs of one output), in half precision: what is calibrated is what a file keeps. */
  private heTensor(key: string, shape: readonly number[]): HostTensor {
    const count = elementCount(shape);
    const amplitude = Math.sqrt((6 * shape[0]) / count);
    const values = generateValues(this.seed, key, count, amplitude, 0);
    return { dtype: "F16", shape, data: Uint16Array.from(values, numberToF16) };
  }
}
