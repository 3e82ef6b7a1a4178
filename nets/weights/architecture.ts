/**
 * @file The tensors of a FIRe or HOW network by their names in the state dict, asked of the layers themselves: a weight
 * store that gives nothing and writes down what it is asked for.
 */
import { UsageError } from "../../base/errors.js";
import type { Device } from "../../engine/device.js";
import { whitening } from "../fire.js";
import { Lit } from "../lit.js";
import type { NetParams } from "../params.js";
import { ResNet } from "../resnet.js";
import type { Packed, WeightStore } from "../weight-store.js";

/** What a tensor is, which decides its first values. */
export type TensorRole =
  | "convolution"
  | "scale"
  | "shift"
  | "mean"
  | "variance"
  | "counter"
  | "linear"
  | "bias"
  | "templates";

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly role: TensorRole;
}

/** Names in the order of the reference's modules. @throws UsageError for an unknown trunk or impossible sizes */
export function architectureTensors(kind: "fire" | "how", params: NetParams): Map<string, TensorSpec> {
  const store = new RecordingStore();
  const trunk = new ResNet(store.below("features."), {
    architecture: params.architecture,
    skipLayer: params.skip_layer,
    strideOnFirst: params.stride_on_first,
  });
  let { channels } = trunk;
  if (kind === "fire") {
    if (!params.lit) throw new UsageError("NoLit", "model.lit: expected T, N and dim, got nothing");
    new Lit(store.below("lit."), params.lit, channels);
    channels = params.lit.dim;
  }
  if (params.dim_reduction) whitening(store, params.dim_reduction.dim, channels);
  return new Map([...store.specs].sort(([a], [b]) => rank(a) - rank(b)));
}

/** Modules in the order in which the reference registers them; equal ranks keep the order of the layers. */
const MODULES = [
  "features.",
  "dim_reduction.",
  "lit.templates",
  "lit.project",
  "lit.norm_inputs",
  "lit.norm_t",
  "lit.norm_m",
  "lit.mlp",
];

function rank(name: string): number {
  return MODULES.findIndex((module) => name.startsWith(module));
}

class RecordingStore implements WeightStore {
  readonly source = "architecture";
  constructor(
    readonly specs: Map<string, TensorSpec> = new Map(),
    private readonly prefix = "",
  ) {}

  get device(): Device {
    throw new Error("architecture: there is no device where tensors are only named");
  }

  below(prefix: string): RecordingStore {
    return new RecordingStore(this.specs, this.prefix + prefix);
  }

  convBN(conv: string, bn: string, shape: readonly [number, number, number, number]): Packed {
    const channels = [shape[0]];
    this.note(`${conv}.weight`, shape, "convolution");
    this.note(`${bn}.weight`, channels, "scale");
    this.note(`${bn}.bias`, channels, "shift");
    this.note(`${bn}.running_mean`, channels, "mean");
    this.note(`${bn}.running_var`, channels, "variance");
    this.note(`${bn}.num_batches_tracked`, [], "counter");
    return nothing;
  }

  conv(name: string, shape: readonly [number, number, number, number]): Packed {
    this.note(`${name}.weight`, shape, "convolution");
    this.note(`${name}.bias`, [shape[0]], "bias");
    return nothing;
  }

  linear(name: string, shape: readonly number[], bias: boolean): Packed {
    this.note(`${name}.weight`, shape, "linear");
    if (bias) this.note(`${name}.bias`, [shape[0]], "bias");
    return nothing;
  }

  tensor(name: string, shape: readonly number[]): ReturnType<WeightStore["tensor"]> {
    const role = name === "templates_init" ? "templates" : name.endsWith(".bias") ? "shift" : "scale";
    this.note(name, shape, role);
    return nobody;
  }

  rows(name: string, shape: readonly number[]): ReturnType<WeightStore["tensor"]> {
    return this.tensor(name, shape);
  }

  free(): void {}

  private note(name: string, shape: readonly number[], role: TensorRole): void {
    this.specs.set(this.prefix + name, { shape, role });
  }
}

/** Stand for tensors that nobody will look at: constructors only keep them. */
const unread = (): never => {
  throw new Error("architecture: there are no weights where tensors are only named");
};
const nothing: Packed = Object.defineProperty({ bias: undefined } as Packed, "weights", { get: unread });
const nobody = Object.defineProperty({} as ReturnType<WeightStore["tensor"]>, "tensor", { get: unread });
