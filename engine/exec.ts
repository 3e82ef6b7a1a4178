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
}

/** Runs ops and keeps nothing. */
export class Inference implements Exec {
  constructor(readonly device: Device) {}

  run<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
    return run(this.device, op, inputs, attrs);
  }

  release(tensor: Tensor): void {
    tensor.free();
  }
}
