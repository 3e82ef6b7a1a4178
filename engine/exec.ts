/**
 * @file How a network's forward pass is executed: at once and forgetting (inference), or recorded for a backward pass
 * (engine/tape.ts). Network code is written once against this interface.
 */
import type { Device } from "./device.js";
import { type Op, run } from "./op.js";
import type { Tensor } from "./tensor.js";

export interface Exec {
  readonly device: Device;
  run<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor;
  /** The caller is done with a tensor: frees it in inference; a tape keeps it for the way back. */
  release(tensor: Tensor): void;
  /**
   * What depends on weights alone. Inference makes it once and keeps it as a form of `source`, one of these weights; a tape
   * makes it at every call, because weights learn.
   */
  ofWeights(source: Tensor, form: string, make: () => Tensor): Tensor;
}

/** Runs ops and keeps nothing but what depends on weights alone. */
export class Inference implements Exec {
  constructor(readonly device: Device) {}

  run<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
    return run(this.device, op, inputs, attrs);
  }

  release(tensor: Tensor): void {
    tensor.free();
  }

  ofWeights(source: Tensor, form: string, make: () => Tensor): Tensor {
    return this.device.derived(source, form, make);
  }
}
