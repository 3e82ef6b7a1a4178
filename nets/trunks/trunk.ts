/** @file A trunk: what turns an image into a feature map, and shows its modules' results by their names. */
import type { Exec } from "../../engine/exec.js";
import type { Tensor } from "../../engine/tensor.js";

/** Is shown a module's result by the module's name in the reference, for example `features.3`. The tensor is the trunk's. */
export type Watch = (name: string, x: Tensor) => void;

export interface Trunk {
  /** Channels of the feature map. */
  readonly channels: number;
  /** Images [n, H, W, 4] → feature maps [n, h, w, channels]. */
  forward(exec: Exec, images: Tensor, watch?: Watch): Tensor;
}

/** One module of a trunk: takes a map, makes another. */
export interface Module {
  forward(exec: Exec, x: Tensor): Tensor;
}

/** A module by its place in the reference. */
export interface Named {
  readonly name: string;
  readonly module: Module;
  /** What the reference has as a module before, and our kernel does in one go: a convolution whose ReLU is the module. */
  readonly before?: Named;
}

/** Modules one after the other; what lies between is freed. The input stays the caller's. */
export function inSequence(exec: Exec, modules: readonly Named[], images: Tensor, watch?: Watch): Tensor {
  let x = images;
  for (const { name, module, before } of modules) {
    if (watch && before) {
      const bare = before.module.forward(exec, x);
      watch(before.name, bare);
      exec.release(bare);
    }
    const next = module.forward(exec, x);
    if (x !== images) exec.release(x);
    x = next;
    watch?.(name, x);
  }
  return x;
}
