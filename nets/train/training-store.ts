/**
 * @file Learned weights. The raw parameters live on the device under the reference's names; what the layers' kernels want
 * (batch norm folded, panels packed) is derived from them once for each optimiser step on a tape of its own. The tapes of
 * the images take these derived tensors as leaves, so folding and its gradient cost once a step and not once an image.
 */
import type { HostTensor } from "../../base/tensor.js";
import type { Device } from "../../engine/device.js";
import type { Exec } from "../../engine/exec.js";
import { pad4 } from "../../engine/op.js";
import { foldBias, foldWeight } from "../../engine/ops/fold.js";
import { oihw, type PackAttrs, packPanels, rightTransposed } from "../../engine/ops/pack.js";
import { padRows } from "../../engine/ops/pad-rows.js";
import { type Gradients, Tape } from "../../engine/tape.js";
import type { Tensor } from "../../engine/tensor.js";
import type { State } from "../state.js";
import { asRows, BN_EPSILON, type Packed, type WeightStore } from "../weight-store.js";

/** A learned tensor on the device. `count` values are the parameter's, the rest (padding of biases) zeros. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly count: number;
  readonly tensor: Tensor;
}

/** What all prefixes of one store share. */
interface Shared {
  readonly parameters: Map<string, Parameter>;
  readonly constants: Tensor[];
  readonly recipes: ((exec: Exec) => void)[];
  /** Derived or plain tensors that the images' tapes watch. */
  readonly leaves: (() => readonly Tensor[])[];
  tape: Tape | undefined;
}

export class TrainingStore implements WeightStore {
  private readonly shared: Shared;

  constructor(
    readonly device: Device,
    private readonly state: State,
    private readonly prefix = "",
    parent?: TrainingStore,
  ) {
    this.shared = parent?.shared ?? { parameters: new Map(), constants: [], recipes: [], leaves: [], tape: undefined };
  }

  get source(): string {
    return this.state.source;
  }

  /** By name, in the order in which the network asked for them. */
  get parameters(): ReadonlyMap<string, Parameter> {
    return this.shared.parameters;
  }

  below(prefix: string): WeightStore {
    return new TrainingStore(this.device, this.state.below(prefix), this.prefix + prefix, this);
  }

  convBN(conv: string, bn: string, shape: readonly [number, number, number, number]): Packed {
    const [O, I, kh, kw] = shape;
    const { state } = this;
    const w = this.parameter(`${conv}.weight`, shape);
    const gamma = this.parameter(`${bn}.weight`, [O]);
    const beta = this.parameter(`${bn}.bias`, [O]);
    const mean = state.get(`${bn}.running_mean`, [O]);
    const inverse = state.get(`${bn}.running_var`, [O]).map((v) => 1 / Math.sqrt(v + BN_EPSILON));
    const scale = this.constant(inverse);
    const shift = this.constant(mean.map((m, o) => -m * inverse[o]));
    return this.derived((exec, packed) => {
      packed.weights = exec.run(packPanels, [exec.run(foldWeight, [w, gamma, scale], {})], oihw(O, I, kh, kw));
      const folded = exec.run(foldBias, [gamma, beta, shift], {});
      packed.bias = O % 4 === 0 ? folded : exec.run(padRows, [folded.view([1, O])], {}).reshape([pad4(O)]);
    });
  }

  conv(name: string, shape: readonly [number, number, number, number]): Packed {
    return this.biased(name, shape, oihw(...shape), true);
  }

  linear(name: string, shape: readonly number[], bias: boolean): Packed {
    const [out, input] = shape;
    return this.biased(name, shape, rightTransposed(out, input), bias);
  }

  tensor(name: string, shape: readonly number[]): { readonly tensor: Tensor } {
    const tensor = this.parameter(name, shape);
    this.shared.leaves.push(() => [tensor]);
    return { tensor };
  }

  rows(name: string, shape: readonly number[]): { readonly tensor: Tensor } {
    const [R, C] = asRows(shape);
    if (C % 4 === 0) {
      const { tensor } = this.tensor(name, shape);
      return { tensor: tensor.reshape([R, C]) };
    }
    const stored = this.parameter(name, shape).reshape([R, C]);
    const padded = {} as { tensor: Tensor };
    this.shared.recipes.push((exec) => {
      padded.tensor = exec.run(padRows, [stored], {});
    });
    this.shared.leaves.push(() => [padded.tensor]);
    return padded;
  }

  /** Derives the kernels' tensors from the present parameters. To be called first, and after each step. */
  prepare(): void {
    const { shared } = this;
    shared.tape?.free();
    shared.tape = new Tape(this.device);
    for (const p of shared.parameters.values()) shared.tape.watch(p.tensor);
    const { tape } = shared;
    this.device.limit.without(() => {
      for (const recipe of shared.recipes) recipe(tape);
    });
  }

  /** Asks a tape for the gradients of all weights. */
  watch(tape: Tape): void {
    for (const leaves of this.shared.leaves) tape.watch(...leaves());
  }

  /** From gradients of the leaves to gradients of the parameters, by name. The leaves' gradients are used up. */
  parameterGradients(leafGradients: Gradients): Map<string, Tensor> {
    const { shared, device } = this;
    const byTensor: Gradients = new Map();
    const plain = new Set([...shared.parameters.values()].map((p) => p.tensor));
    const seeds = [...leafGradients].filter(([leaf]) => !plain.has(leaf));
    for (const [leaf, gradient] of leafGradients) if (plain.has(leaf)) byTensor.set(leaf, gradient);
    shared.tape!.backward(seeds, byTensor);
    leafGradients.clear();
    const result = new Map<string, Tensor>();
    for (const p of shared.parameters.values()) {
      // a parameter that no image used this time has gradient zero
      const gradient =
        byTensor.get(p.tensor) ?? device.keep(device.upload(new Float32Array(p.tensor.elements), p.tensor.shape));
      result.set(p.name, gradient);
    }
    return result;
  }

  /** Reads parameters back, padding removed, in stored shape. */
  async read(): Promise<Map<string, HostTensor>> {
    const list = [...this.shared.parameters.values()];
    const data = (await this.device.read(...list.map((p) => p.tensor))) as Float32Array[];
    return new Map(list.map((p, i) => [p.name, { dtype: "F32", shape: p.shape, data: data[i].slice(0, p.count) }]));
  }

  free(): void {
    const { shared } = this;
    shared.tape?.free();
    for (const p of shared.parameters.values()) p.tensor.free();
    for (const t of shared.constants) t.free();
    shared.parameters.clear();
  }

  private parameter(name: string, shape: readonly number[], padded?: number): Tensor {
    const values = this.state.get(name, shape);
    const data = padded && padded > values.length ? new Float32Array(padded) : values;
    if (data !== values) data.set(values);
    const tensor = this.upload(data, padded ? [padded] : shape, this.prefix + name);
    this.shared.parameters.set(this.prefix + name, { name: this.prefix + name, shape, count: values.length, tensor });
    return tensor;
  }

  private biased(name: string, shape: readonly number[], layout: PackAttrs, bias: boolean): Packed {
    const w = this.parameter(`${name}.weight`, shape);
    const b = bias ? this.parameter(`${name}.bias`, [shape[0]], pad4(shape[0])) : undefined;
    if (b) this.shared.leaves.push(() => [b]);
    return this.derived((exec, packed) => {
      packed.weights = exec.run(packPanels, [w], layout);
      packed.bias = b;
    }, true);
  }

  private constant(data: Float32Array): Tensor {
    const tensor = this.upload(data, [data.length], "constant");
    this.shared.constants.push(tensor);
    return tensor;
  }

  /** The first tuple tells whether a limit of memory is too small: by then it is known how much else is needed. */
  private upload(data: Float32Array, shape: readonly number[], name: string): Tensor {
    const { device } = this;
    return device.limit.without(() => device.keep(device.upload(data, shape, name)));
  }

  /** A packed pair that `recipe` fills at every `prepare`; its tensors are leaves (`biasIsLeaf`: the bias already is one). */
  private derived(recipe: (exec: Exec, packed: Packed) => void, biasIsLeaf = false): Packed {
    const packed: Partial<Packed> = {};
    this.shared.recipes.push((exec) => recipe(exec, packed as Packed));
    this.shared.leaves.push(() => (packed.bias && !biasIsLeaf ? [packed.weights!, packed.bias] : [packed.weights!]));
    return packed as Packed;
  }
}
