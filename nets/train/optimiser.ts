/** @file Adam and SGD on the device, as torch computes them; moments by parameter name, saved and restored. */
import type { Device } from "../../engine/device.js";
import { groupsFor } from "../../engine/ops/launch.js";
import type { Tensor } from "../../engine/tensor.js";
import type { OptimiserOptions, OptimiserState } from "./trainer.js";
import type { Parameter } from "./training-store.js";

/** Names that torch gives the moments. */
const MOMENTS = { adam: ["exp_avg", "exp_avg_sq"], sgd: ["momentum_buffer"] } as const;

export class Optimiser {
  private steps = 0;
  private readonly moments = new Map<string, Record<string, Tensor>>();

  constructor(
    private readonly device: Device,
    private readonly parameters: ReadonlyMap<string, Parameter>,
  ) {}

  /** One update of every parameter. `rate` gives the learning rate of a parameter by its name. */
  step(options: OptimiserOptions, gradients: ReadonlyMap<string, Tensor>, rate: (name: string) => number): void {
    this.steps++;
    for (const p of this.parameters.values()) {
      const gradient = gradients.get(p.name)!;
      const moments = this.momentsOf(p, options.kind);
      const reads = [gradient];
      const common = { constants: {}, groups: groupsFor(p.tensor.elements) };
      const cost = { flops: 12 * p.tensor.elements, bytes: 28 * p.tensor.elements };
      if (options.kind === "adam") {
        const correction1 = 1 - options.beta1 ** this.steps;
        const correction2 = 1 - options.beta2 ** this.steps;
        const floats = [
          rate(p.name) / correction1,
          options.beta1,
          options.beta2,
          Math.sqrt(correction2),
          options.epsilon,
          options.weightDecay,
        ];
        this.device.dispatch({
          shader: "train/adam.wgsl",
          ...common,
          reads,
          writes: [p.tensor, moments.exp_avg, moments.exp_avg_sq],
          params: [p.tensor.elements, ...floats.map((f32) => ({ f32 }))],
          label: "adam",
          cost,
        });
      } else {
        const floats = [rate(p.name), options.momentum, options.weightDecay];
        this.device.dispatch({
          shader: "train/sgd.wgsl",
          ...common,
          reads,
          writes: [p.tensor, moments.momentum_buffer],
          params: [p.tensor.elements, ...floats.map((f32) => ({ f32 })), this.steps === 1 ? 1 : 0],
          label: "sgd",
          cost,
        });
      }
    }
  }

  async state(): Promise<OptimiserState> {
    const moments = new Map<string, Record<string, Float32Array>>();
    for (const p of this.parameters.values()) {
      const tensors = this.moments.get(p.name);
      if (!tensors) continue;
      const data = (await this.device.read(...Object.values(tensors))) as Float32Array[];
      moments.set(p.name, Object.fromEntries(Object.keys(tensors).map((k, i) => [k, data[i].slice(0, p.count)])));
    }
    return { step: this.steps, moments };
  }

  /** @throws Error when a moment does not fit its parameter */
  load(state: OptimiserState): void {
    this.free();
    this.steps = state.step;
    for (const [name, moments] of state.moments) {
      const p = this.parameters.get(name);
      if (!p) throw new Error(`optimiser: state for unknown parameter ${name}`);
      const tensors: Record<string, Tensor> = {};
      for (const [key, values] of Object.entries(moments)) {
        if (values.length !== p.count)
          throw new Error(`optimiser: ${name} ${key} — expected ${p.count} values, got ${values.length}`);
        const padded = new Float32Array(p.tensor.elements);
        padded.set(values);
        const { device } = this;
        tensors[key] = device.limit.without(() => device.keep(device.upload(padded, p.tensor.shape, key)));
      }
      this.moments.set(name, tensors);
    }
  }

  /** Takes what moments will be made of, where memory is only counted: two of every parameter at most. */
  reserve(): void {
    if (this.moments.size > 0) return;
    for (const { tensor } of this.parameters.values())
      for (let i = 0; i < MOMENTS.adam.length; i++) this.device.empty(tensor.shape);
  }

  free(): void {
    for (const tensors of this.moments.values()) for (const t of Object.values(tensors)) t.free();
    this.moments.clear();
  }

  private momentsOf(p: Parameter, kind: OptimiserOptions["kind"]): Record<string, Tensor> {
    let tensors = this.moments.get(p.name);
    if (!tensors) {
      const { device } = this;
      const zero = () => device.keep(device.upload(new Float32Array(p.tensor.elements), p.tensor.shape, "moment"));
      tensors = device.limit.without(() => Object.fromEntries(MOMENTS[kind].map((k) => [k, zero()])));
      this.moments.set(p.name, tensors);
    }
    return tensors;
  }
}
