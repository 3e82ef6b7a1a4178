/**
 * @file A whole training that needs no GPU: a network of eight weights with a real loss and a real Adam, in float32.
 * As a program (`node toy-training.js CONFIG [MILLISECONDS]`) it trains slowly, to be killed.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CpuBackend } from "../../asmk/backend.js";
import { NumericError } from "../../base/errors.js";
import type { ImageInput, RgbImage } from "../../base/image.js";
import { f32Tensor, type HostTensor } from "../../base/tensor.js";
import { contrastiveLoss } from "../../nets/losses/contrastive.js";
import type { LocalOptions } from "../../nets/network.js";
import type { OptimiserOptions, OptimiserState, Trainer, TupleLoss } from "../../nets/train/trainer.js";
import type { Progress } from "../../tasks/progress.js";
import { runTraining } from "../../tasks/train/run.js";
import type { StateDict, TrainTools } from "../../tasks/train/workbench.js";
import { SCENES, ToyNetwork, VIEWS, writeToyData } from "./toy-evaluation.js";

const DIM = 8;
export const REDUCED = 4;

/** The toy network with each of its eight dimensions multiplied by a weight. */
class WeightedNetwork extends ToyNetwork {
  constructor(private readonly weights: Float32Array) {
    super();
  }

  override async extractLocal(image: RgbImage, options: LocalOptions) {
    const found = await super.extractLocal(image, options);
    return { ...found, descriptors: found.descriptors.map((v, i) => v * this.weights[i % DIM]) };
  }

  override async extractGlobal(image: RgbImage) {
    const plain = lopsided(image, await super.extractGlobal(image));
    const scaled = plain.map((v, i) => v * this.weights[i]);
    const norm = Math.hypot(...scaled);
    return scaled.map((v) => v / norm);
  }
}

/** The toy's descriptors are sums over the image: the top left pixel makes a mirrored one differ. */
function lopsided({ data }: ImageInput, descriptor: Float32Array): Float32Array {
  return descriptor.map((v, i) => v + (data[i % 3] / 255) * 0.3);
}

/** What goes wrong on purpose. */
export interface ToyFaults {
  /** The tuple, counted from 1 over the whole run, whose loss is not a number … */
  nanAt?: number;
  /** … or is a million times too large. */
  explodeAt?: number;
}

export class ToyTrainer implements Trainer {
  readonly kind = "fire";
  readonly parameters = [
    { name: "features.0.weight", group: "features", shape: [DIM] },
    { name: "dim_reduction.bias", group: "dim_reduction", shape: [REDUCED] },
  ] as const;
  readonly peakBytes = 12345;
  tuples = 0;
  steps = 0;
  destroyed = false;
  private readonly weights: Float32Array;
  private readonly sum = new Float32Array(DIM);
  private mean = new Float32Array(DIM);
  private square = new Float32Array(DIM);

  constructor(
    private readonly state: StateDict,
    private readonly milliseconds: number,
    private readonly faults: ToyFaults,
  ) {
    this.weights = Float32Array.from(state.get("features.0.weight")?.data as Float32Array);
  }

  async accumulate(images: readonly ImageInput[]): Promise<TupleLoss> {
    this.tuples++;
    if (this.milliseconds > 0) await new Promise((done) => setTimeout(done, this.milliseconds));
    const plain = new ToyNetwork();
    const describe = async (image: ImageInput) => lopsided(image, await plain.extractGlobal(image as RgbImage));
    const raw = await Promise.all(images.map(describe));
    const { loss, gradients } = contrastiveLoss(
      raw.map((v) => v.map((x, i) => x * this.weights[i])),
      1,
    );
    for (const [k, g] of gradients.entries()) for (let i = 0; i < DIM; i++) this.sum[i] += g[i] * raw[k][i];
    if (this.tuples === this.faults.nanAt)
      throw new NumericError("NotFinite", "training: the gradient of features.0.weight holds NaN or infinity");
    const total = this.tuples === this.faults.explodeAt ? loss * 1e6 : loss;
    return { total, terms: { superfeature: total / 2, attention: total / 2 } };
  }

  async finish(): Promise<void> {}

  async step(options: OptimiserOptions, rates: Readonly<Record<string, number>>): Promise<void> {
    if (options.kind !== "adam") throw new Error("toy: Adam only");
    const t = ++this.steps;
    const { beta1, beta2, epsilon, weightDecay } = options;
    for (let i = 0; i < DIM; i++) {
      const g = this.sum[i] + weightDecay * this.weights[i];
      this.mean[i] = beta1 * this.mean[i] + (1 - beta1) * g;
      this.square[i] = beta2 * this.square[i] + (1 - beta2) * g * g;
      const denominator = Math.sqrt(this.square[i] / (1 - beta2 ** t)) + epsilon;
      this.weights[i] -= (rates.features * (this.mean[i] / (1 - beta1 ** t))) / denominator;
    }
    this.sum.fill(0);
  }

  async gradients() {
    return new Map([["features.0.weight", this.sum.slice()]]);
  }

  async stateDict(): Promise<Map<string, HostTensor>> {
    return new Map([...this.state, ["features.0.weight", f32Tensor([DIM], this.weights.slice())]]);
  }

  async optimiserState(): Promise<OptimiserState> {
    const moments = { exp_avg: this.mean.slice(), exp_avg_sq: this.square.slice() };
    return { step: this.steps, moments: new Map([["features.0.weight", moments]]) };
  }

  loadOptimiserState({ step, moments }: OptimiserState): void {
    this.steps = step;
    const held = moments.get("features.0.weight");
    if (!held) return;
    this.mean = Float32Array.from(held.exp_avg);
    this.square = Float32Array.from(held.exp_avg_sq);
  }

  async network() {
    return new WeightedNetwork(this.weights.slice());
  }

  destroy(): void {
    this.destroyed = true;
  }
}

/** Tools that train the toy; `trainers` collects what was made. */
export function toyTrainTools(milliseconds = 0, faults: ToyFaults = {}): TrainTools & { trainers: ToyTrainer[] } {
  const trainers: ToyTrainer[] = [];
  return {
    trainers,
    async open() {
      return {
        device: "toy",
        backend: new CpuBackend(),
        start: async () => ({ state: firstState(), initialised: ["features", "dim_reduction"] }),
        unwhitened: (_, state) => new WeightedNetwork(state.get("features.0.weight")?.data as Float32Array),
        trainer(_, state) {
          trainers.push(new ToyTrainer(state, milliseconds, faults));
          return trainers[trainers.length - 1];
        },
        close() {},
      };
    },
    async download() {
      throw new Error("no download in this test");
    },
  };
}

function firstState(): Map<string, HostTensor> {
  return new Map<string, HostTensor>([
    [
      "features.0.weight",
      f32Tensor(
        [DIM],
        Float32Array.from({ length: DIM }, (_, i) => 1 + i / 10),
      ),
    ],
    ["features.1.num_batches_tracked", { dtype: "I64", shape: [], data: new BigInt64Array(1) }],
    ["dim_reduction.weight", f32Tensor([REDUCED, DIM, 1, 1], new Float32Array(REDUCED * DIM))],
    ["dim_reduction.bias", f32Tensor([REDUCED], new Float32Array(REDUCED))],
  ]);
}

/** Photos in a folder a scene, the evaluation's ground truth, and a configuration; returns the configuration's path. */
export async function writeToyTraining(folder: string): Promise<string> {
  await writeToyData(folder);
  for (let scene = 0; scene < SCENES; scene++) {
    mkdirSync(join(folder, "train", `scene${scene}`), { recursive: true });
    for (let view = 0; view < VIEWS; view++)
      cpSync(
        join(folder, "photos", `scene${scene}_${view}.png`),
        join(folder, "train", `scene${scene}`, `${view}.png`),
      );
  }
  const config = join(folder, "toy_train.yml");
  const own = "{name: toy, images: photos, gnd: gnd.json}";
  writeFileSync(
    config,
    `demo_train: {data_folder: ${folder}, exp_folder: ${folder}/experiments}
training:
  epochs: 4
  save_minutes: 0
  optimizer: {lr: 0.05}
  initialize_dim_reduction: {images: 8}
  dataset: {name: scenes, images: train, imsize: 64, nnum: 2, qsize: 12, poolsize: 14}
  loader: {batch_size: 5}
validation:
  local_descriptor:
    frequency: 2
    datasets: [${own}]
    codebook_training: {images: 8, dataset: ${own}}
    asmk: {train_codebook: {codebook: {size: 12}}, query_ivf: {quantize: {multiple_assignment: 2}}}
model:
  architecture: resnet18
  pretrained: null
  dim_reduction: {dim: ${REDUCED}}
  lit: {T: 1, N: 4, dim: ${DIM}}
  runtime: {image_size: 64, scales: [1], features_num: 20}
`,
  );
  return config;
}

/** One line a unit of work, so that a parent process knows when to kill. */
const loud: Progress = {
  stage: (label) => ({ advance: () => console.log(`+ ${label}`), end() {} }),
  note: (line) => console.log(`# ${line}`),
  warn: (line) => console.log(`# warning: ${line}`),
};

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [config, milliseconds] = process.argv.slice(2);
  await runTraining({ config, progress: loud }, toyTrainTools(Number(milliseconds ?? 0)));
}
