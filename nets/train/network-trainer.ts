/**
 * @file Training of a network on the device: forward on tapes, losses on the CPU in float64 (they are tiny next to the
 * networks), backward, optimiser. What differs between FIRe and HOW is a `Head`: what is read back of an image, and the
 * loss with its gradients.
 */
import { NumericError } from "../../base/errors.js";
import { requireFinite } from "../../base/finite.js";
import type { ImageInput } from "../../base/image.js";
import type { HostTensor } from "../../base/tensor.js";
import type { Device } from "../../engine/device.js";
import { OverLimit } from "../../engine/memory-limit.js";
import { run } from "../../engine/op.js";
import { normalise } from "../../engine/ops/normalise.js";
import { type Gradients, Tape } from "../../engine/tape.js";
import type { Tensor } from "../../engine/tensor.js";
import type { RetrievalNetwork, RuntimeParams } from "../network.js";
import { State } from "../state.js";
import { InferenceStore } from "../weight-store.js";
import { Optimiser } from "./optimiser.js";
import type { OptimiserOptions, OptimiserState, ParameterInfo, Trainer, TupleLoss } from "./trainer.js";
import type { TrainingStore } from "./training-store.js";

/** What an image gives to the loss, and what the loss gives back. */
export interface Head {
  /** The tensors that the loss needs, of normalised images of one size [n, H, W, 4]: in each, the images' equal parts. */
  forward(exec: Tape, images: Tensor): Tensor[];
  /** Bytes of the largest tensor on the way for an image of this size. */
  largestBytes(height: number, width: number): number;
  /** The tuple's loss from these tensors' data, by image, and the gradient of each. */
  loss(data: readonly (readonly Float32Array[])[]): { loss: TupleLoss; gradients: (readonly Float32Array[])[] };
}

export interface TrainerParts {
  readonly kind: "fire" | "how";
  readonly device: Device;
  readonly state: State;
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly store: TrainingStore;
  readonly head: Head;
  readonly runtime: RuntimeParams;
  /** A network for mining and validation from weights of the present. */
  readonly build: (store: InferenceStore) => RetrievalNetwork;
  /** Keep no activations between forward and backward: each image is run forward twice, and one at a time is in memory. */
  readonly recompute: boolean;
}

/** One batch's way forward. */
interface Pass {
  readonly tape: Tape;
  /** What `Head.forward` gave. */
  readonly outputs: readonly Tensor[];
}

/** A tuple between its ways forward and back. */
export interface TuplePass {
  readonly loss: TupleLoss;
  /** Records the way back once, without waiting for it; gradients are added to those of the batch. */
  backward(): void;
  /** Frees the activations; to be called after `backward`, or instead of it. */
  free(): void;
}

export class NetworkTrainer implements Trainer {
  readonly parameters: readonly ParameterInfo[];
  private readonly optimiser: Optimiser;
  private leafGradients: Gradients = new Map();
  private parameterGradients: Map<string, Tensor> | undefined;

  constructor(private readonly parts: TrainerParts) {
    const { store, device } = parts;
    this.parameters = [...store.parameters.values()].map(({ name, shape }) => ({ name, shape, group: groupOf(name) }));
    this.optimiser = new Optimiser(device, store.parameters);
    store.prepare();
  }

  get kind() {
    return this.parts.kind;
  }

  get peakBytes(): number {
    return this.parts.device.peakBytes;
  }

  async accumulate(images: readonly ImageInput[]): Promise<TupleLoss> {
    const tuple = await this.forwardTuple(images);
    try {
      tuple.backward();
      return tuple.loss;
    } catch (error) {
      tuple.free();
      throw this.withNeed(error, images);
    } finally {
      tuple.free();
    }
  }

  /** The first half of `accumulate`: everything up to the loss and its gradients by image. */
  async forwardTuple(images: readonly ImageInput[]): Promise<TuplePass> {
    if (this.parameterGradients) throw new Error("trainer: gradients were read; step() before the next tuple");
    const { device, head, recompute } = this.parts;
    const batches = this.batches(images);
    const passes: Pass[] = [];
    const free = () => {
      for (const { tape } of passes) tape.free();
    };
    try {
      const data: Float32Array[][] = [];
      for (const batch of batches) {
        const pass = this.forward(batch.map((i) => images[i]));
        const read = (await device.read(...pass.outputs)) as Float32Array[];
        for (const [k, i] of batch.entries()) data[i] = read.map((all) => part(all, k, batch.length));
        if (recompute) pass.tape.free();
        else passes.push(pass);
      }
      for (const [i, outputs] of data.entries()) for (const d of outputs) checkFinite(d, `image ${i} of the tuple`);
      const { loss, gradients } = head.loss(data);
      if (!Number.isFinite(loss.total))
        throw new NumericError("LossNotFinite", `training: the loss is ${loss.total} (${JSON.stringify(loss.terms)})`);
      const backward = () => {
        for (const [b, batch] of batches.entries()) {
          if (!batch.some((i) => gradients[i].some((g) => g.some((v) => v !== 0)))) continue;
          const { tape, outputs } = recompute ? this.forward(batch.map((i) => images[i])) : passes[b];
          const seeds = outputs.map((t, k) => {
            const all = new Float32Array(t.elements);
            for (const [j, i] of batch.entries()) part(all, j, batch.length).set(gradients[i][k]);
            return [t, device.upload(all, t.shape, "seed")] as const;
          });
          tape.backward(seeds, this.leafGradients);
          tape.free();
        }
      };
      return { loss, backward, free };
    } catch (error) {
      free();
      throw this.withNeed(error, images);
    }
  }

  async step(options: OptimiserOptions, rates: Readonly<Record<ParameterInfo["group"], number>>): Promise<void> {
    const gradients = this.takeGradients();
    this.optimiser.step(options, gradients, (name) => rates[groupOf(name)]);
    this.clearGradients();
    this.parts.store.prepare();
    this.parts.device.send();
  }

  finish(): Promise<void> {
    return this.parts.device.finish();
  }

  /** @throws NumericError naming the first parameter whose gradient is not finite */
  async gradients(): Promise<Map<string, Float32Array>> {
    const { device, store } = this.parts;
    const tensors = this.takeGradients();
    const data = (await device.read(...tensors.values())) as Float32Array[];
    const result = new Map(
      [...tensors.keys()].map((name, i) => [name, data[i].slice(0, store.parameters.get(name)!.count)]),
    );
    for (const [name, values] of result) checkFinite(values, `the gradient of ${name}`);
    return result;
  }

  async stateDict(): Promise<Map<string, HostTensor>> {
    const learned = await this.parts.store.read();
    return new Map([...this.parts.tensors].map(([name, tensor]) => [name, learned.get(name) ?? tensor]));
  }

  optimiserState(): Promise<OptimiserState> {
    return this.optimiser.state();
  }

  loadOptimiserState(state: OptimiserState): void {
    this.optimiser.load(state);
  }

  async network(): Promise<RetrievalNetwork> {
    const { device, state, build } = this.parts;
    return build(new InferenceStore(device, new State(await this.stateDict(), state.source)));
  }

  destroy(): void {
    this.clearGradients();
    this.optimiser.free();
    this.parts.store.free();
  }

  /**
   * Indices of images that go through the network together: those of one size, as many as keep the largest tensor within
   * a binding. One by one when activations are recomputed.
   */
  private batches(images: readonly ImageInput[]): number[][] {
    const { device, head, recompute } = this.parts;
    const open = new Map<string, number[]>();
    const batches: number[][] = [];
    for (const [i, { width, height, data }] of images.entries()) {
      const most = recompute ? 1 : Math.max(1, Math.floor(device.maxBinding / head.largestBytes(height, width)));
      const key = `${width}x${height}/${data.constructor.name}`;
      let batch = open.get(key);
      if (!batch || batch.length >= most) {
        batch = [];
        batches.push(batch);
        open.set(key, batch);
      }
      batch.push(i);
    }
    return batches;
  }

  /** Images of one size, forward on a tape of their own. */
  private forward(images: readonly ImageInput[]): Pass {
    const { device, store, head, runtime } = this.parts;
    const tape = new Tape(device);
    store.watch(tape);
    const [{ width, height, data: first }] = images;
    const n = images.length;
    const [mean, std] = runtime.meanStd;
    const outputs: Tensor[] = [];
    device.scope(() => {
      const pixels = uploadAll(device, images).reshape(
        first instanceof Float32Array ? [n, height, width, 4] : [n * first.length],
      );
      // below one another they are one tall photo
      const x =
        first instanceof Float32Array
          ? pixels
          : run(device, normalise, [pixels], { height: n * height, width, mean, std }).reshape([n, height, width, 4]);
      tape.own(x);
      outputs.push(...head.forward(tape, x));
      return undefined;
    });
    return { tape, outputs };
  }

  /** Where a limit of memory was too small for a tuple: how much is needed, found by going through it without a device. */
  private withNeed(error: unknown, images: readonly ImageInput[]): unknown {
    if (!(error instanceof OverLimit)) return error;
    const { device, recompute, store } = this.parts;
    this.clearGradients();
    const what = `a tuple of ${images.length} images${recompute ? "" : " (less with training.recompute: true)"}`;
    return device.limitFor(what, () => {
      this.optimiser.reserve();
      const gradients: Gradients = new Map();
      const passes: Pass[] = [];
      const back = ({ tape, outputs }: Pass) => {
        tape.backward(
          outputs.map((t) => [t, device.empty(t.shape)] as const),
          gradients,
        );
        tape.free();
      };
      for (const batch of this.batches(images)) {
        const pass = this.forward(batch.map((i) => images[i]));
        if (recompute) back(pass);
        else passes.push(pass);
      }
      for (const pass of passes) back(pass);
      store.parameterGradients(gradients);
    });
  }

  /** Gradients of the parameters, made from those of the leaves at the first call after a tuple. */
  private takeGradients(): ReadonlyMap<string, Tensor> {
    this.parameterGradients ??= this.parts.store.parameterGradients(this.leafGradients);
    return this.parameterGradients;
  }

  private clearGradients(): void {
    for (const t of this.leafGradients.values()) t.free();
    for (const t of this.parameterGradients?.values() ?? []) t.free();
    this.leafGradients = new Map();
    this.parameterGradients = undefined;
  }
}

/** Images of one size and type, one behind the other. */
function uploadAll(device: Device, images: readonly ImageInput[]): Tensor {
  const { data: first } = images[0];
  const count = images.length * first.length;
  const { byteLength } = first;
  // a write begins at a multiple of four bytes, which photos of few sizes do not have
  if (byteLength % 4 === 0) {
    const pixels = device.empty([count], first instanceof Float32Array ? "f32" : "u8", "images");
    for (const [i, { data }] of images.entries()) device.write(pixels, data, i * byteLength);
    return pixels;
  }
  const all = new Uint8Array(count);
  for (const [i, { data }] of images.entries()) all.set(data, i * first.length);
  return device.upload(all, [count], "images");
}

/** One of the equal parts of an array, in place. */
function part(all: Float32Array, index: number, count: number): Float32Array {
  const size = all.length / count;
  return all.subarray(index * size, (index + 1) * size);
}

function groupOf(name: string): ParameterInfo["group"] {
  if (name.startsWith("lit.")) return "lit";
  return name.startsWith("dim_reduction.") ? "dim_reduction" : "features";
}

function checkFinite(values: Float32Array, what: string): void {
  requireFinite(`training: ${what}`, values, { hint: "the last checkpoint is good; lower the learning rate" });
}
