/**
 * @file Capture and replay. The second image of a shape replays a recorded list of launches with only its input changed.
 * Plans take their working memory from a scratch pool that all plans share: they run one after the other on the queue,
 * so a plan may overwrite what another left behind. Inputs are rewritten and outputs copied out at each run.
 */
import type { Device } from "./device.js";
import type { Arena, Step } from "./recorder.js";
import type { Tensor } from "./tensor.js";

export class Plan {
  /** Use `Device.plan`. */
  constructor(
    private readonly device: Device,
    readonly steps: readonly Step[],
    private readonly arena: Arena,
    readonly inputs: readonly Tensor[],
    readonly outputs: readonly Tensor[],
    private readonly constants: readonly Tensor[],
  ) {}

  /** Runs with the given input data, in declaration order; resolves with the outputs' data. Runs may overlap in time. */
  run(
    ...data: readonly (Float32Array | Uint32Array | Uint8Array)[]
  ): Promise<(Float32Array | Uint32Array | Uint8Array)[]> {
    return this.device.replay(this, data);
  }

  dispose(): void {
    this.arena.buffer.destroy();
    for (const t of this.constants) t.free();
  }
}

/** How many plans a device keeps. */
export const PLANS_KEPT = 16;

/** The most recently used plans by key (network and input shape). Owns them: a plan it drops must not be run again. */
export class PlanCache {
  private readonly plans = new Map<string, Plan>();

  /** Number of plans now. */
  get size(): number {
    return this.plans.size;
  }

  /** The plan of that key, built at the first call. */
  get(key: string, build: () => Plan): Plan {
    const known = this.plans.get(key);
    if (known) {
      this.plans.delete(key);
      this.plans.set(key, known);
      return known;
    }
    const plan = build();
    this.plans.set(key, plan);
    if (this.plans.size > PLANS_KEPT) this.drop(this.plans.keys().next().value!);
    return plan;
  }

  /** Drops every plan whose key starts with `prefix`. */
  dropAll(prefix: string): void {
    for (const key of [...this.plans.keys()]) if (key.startsWith(prefix)) this.drop(key);
  }

  clear(): void {
    for (const key of [...this.plans.keys()]) this.drop(key);
  }

  private drop(key: string): void {
    this.plans.get(key)?.dispose();
    this.plans.delete(key);
  }
}
