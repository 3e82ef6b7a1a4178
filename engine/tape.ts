/**
 * @file Reverse-mode differentiation. The tape records an op only when one of its inputs leads back to a watched tensor,
 * so frozen parts record nothing; `backward` walks the nodes in reverse and accumulates gradients in place.
 */
import type { Device } from "./device.js";
import type { Exec } from "./exec.js";
import { type Op, run } from "./op.js";
import { Additions, accumulate } from "./ops/accumulate.js";
import type { Tensor } from "./tensor.js";

interface Node {
  readonly op: Op<unknown>;
  readonly inputs: readonly Tensor[];
  readonly attrs: unknown;
  readonly output: Tensor;
}

/** Gradients by tensor (by its base, for views). The receiver owns them. */
export type Gradients = Map<Tensor, Tensor>;

export class Tape implements Exec {
  private readonly nodes: Node[] = [];
  private readonly active = new Set<Tensor>();
  private readonly owned: Tensor[] = [];

  constructor(readonly device: Device) {}

  /** Asks for the gradient with respect to a tensor, before it is used. */
  watch(...tensors: readonly Tensor[]): void {
    for (const t of tensors) this.active.add(t.base);
  }

  run<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
    const output = this.device.keep(run(this.device, op, inputs, attrs));
    this.owned.push(output);
    if (inputs.some((t) => this.active.has(t.base))) {
      this.nodes.push({ op: op as Op<unknown>, inputs, attrs, output });
      this.active.add(output);
    }
    return output;
  }

  /** Takes a tensor over, to be freed with the tape. */
  own(tensor: Tensor): void {
    this.owned.push(this.device.keep(tensor));
  }

  /** Nothing is freed before the way back. */
  release(): void {}

  ofWeights(_source: Tensor, _form: string, make: () => Tensor): Tensor {
    return make();
  }

  /**
   * Gradients of Σ seed·tensor with respect to the watched leaves. Gradients that are already in `into` are added to.
   * Seeds are taken over. May be called once; afterwards `free` the tape.
   */
  backward(seeds: readonly (readonly [tensor: Tensor, gradient: Tensor])[], into: Gradients = new Map()): Gradients {
    const { device } = this;
    const flowing: Gradients = new Map();
    const produced = new Set(this.nodes.map((n) => n.output));
    // nobody reads the leaves' gradients before the end
    const additions = new Additions(device);
    /** Adds a gradient to a tensor's; tells whether it was taken over. One that another tensor has taken is copied. */
    const add = (tensor: Tensor, gradient: Tensor, taken: boolean): boolean => {
      const target = produced.has(tensor) ? flowing : into;
      const known = target.get(tensor);
      if (known && target === into && !taken) additions.add(known, gradient);
      else if (known) {
        accumulate(device, known, gradient);
        return false;
      } else if (!taken) target.set(tensor, gradient);
      else {
        const copy = device.keep(device.empty(gradient.shape, "f32", "gradient"));
        accumulate(device, copy, gradient, true);
        target.set(tensor, copy);
      }
      return !taken;
    };
    for (const [tensor, gradient] of seeds) {
      device.keep(gradient);
      if (!this.active.has(tensor.base) || !add(tensor.base, gradient, false)) gradient.free();
    }
    for (const node of this.nodes.slice().reverse()) {
      const outputGradient = flowing.get(node.output);
      if (!outputGradient) continue;
      flowing.delete(node.output);
      const { op, inputs, attrs, output } = node;
      if (typeof op.gradient !== "function")
        throw new Error(`tape: ${op.name} has no gradient — ${op.gradient.nonDifferentiable}`);
      const rule = op.gradient;
      const needed = inputs.map((t) => this.active.has(t.base));
      const gradients: (Tensor | null)[] = [];
      device.scope(() => {
        gradients.push(...rule.call(op, { device, attrs, inputs, output, outputGradient, needed }));
        // several inputs may share one gradient (a sum's terms): each needs its own to accumulate into
        for (const g of gradients) if (g) device.keep(g);
        return undefined;
      });
      const taken = new Set<Tensor>();
      gradients.forEach((g, i) => {
        if (g && needed[i] && add(inputs[i].base, g, taken.has(g))) taken.add(g);
      });
      for (const g of [...gradients, outputGradient]) if (g && !taken.has(g)) g.free();
      additions.flushFull();
    }
    additions.flush();
    for (const g of flowing.values()) g.free();
    return into;
  }

  /** Frees everything that was computed on the tape. Watched leaves stay. */
  free(): void {
    for (const t of this.owned.splice(0)) t.free();
    this.nodes.length = 0;
    this.active.clear();
  }
}
