/** @file What the training task needs of a network that learns: one tuple's loss and gradients, one optimiser step, its state. */
import type { ImageInput } from "../../base/image.js";
import type { HostTensor } from "../../base/tensor.js";
import type { RetrievalNetwork } from "../network.js";

/** Optimiser of one step. Weight decay is coupled (added to the gradient), as torch's Adam and SGD do. */
export type OptimiserOptions =
  | {
      readonly kind: "adam";
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  | { readonly kind: "sgd"; readonly momentum: number; readonly weightDecay: number };

/** A learned tensor. Groups are the reference's; `dim_reduction` has learning rate 0 but gradients flow through it. */
export interface ParameterInfo {
  readonly name: string;
  readonly group: "features" | "lit" | "dim_reduction";
  readonly shape: readonly number[];
}

/** Losses of one tuple, weights included; `total` is their sum. HOW has `contrastive` alone. */
export interface TupleLoss {
  readonly total: number;
  readonly terms: Readonly<Record<string, number>>;
}

/** Moments of the optimiser by parameter name, and its step count: what torch keeps under `optimizer.state`. */
export interface OptimiserState {
  readonly step: number;
  /** Adam: exp_avg and exp_avg_sq; SGD: momentum_buffer. */
  readonly moments: ReadonlyMap<string, Readonly<Record<string, Float32Array>>>;
}

/** A FIRe or HOW network on the device with its parameters, gradients and optimiser state. */
export interface Trainer {
  readonly kind: "fire" | "how";
  readonly parameters: readonly ParameterInfo[];
  /**
   * Forward and backward of one tuple [query, positive, negatives…] at scale 1; gradients are added to those of the batch.
   * @throws NumericError naming the tensor when the loss or a gradient is not finite
   */
  accumulate(images: readonly ImageInput[]): Promise<TupleLoss>;
  /**
   * One optimiser step with the gradients summed since the last one, which are then cleared. `rates` by group. The device is
   * told and not waited for: while it computes, the next tuple can be recorded, whose loss waits for all of it.
   */
  step(options: OptimiserOptions, rates: Readonly<Record<ParameterInfo["group"], number>>): Promise<void>;
  /** Waits until the device has done everything, for who measures time. */
  finish(): Promise<void>;
  /** Gradients summed so far, by parameter name. For tests and for watching norms. */
  gradients(): Promise<Map<string, Float32Array>>;
  /** The whole state dict by reference names, running statistics and counters included, in the reference's order. */
  stateDict(): Promise<Map<string, HostTensor>>;
  optimiserState(): Promise<OptimiserState>;
  loadOptimiserState(state: OptimiserState): void;
  /** The present weights as a network for mining and validation; valid until the next step. The caller destroys it. */
  network(): Promise<RetrievalNetwork>;
  /** Most bytes of device memory in use during a tuple so far. */
  readonly peakBytes: number;
  destroy(): void;
}
