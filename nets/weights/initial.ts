/**
 * @file First weights of a network that begins from nothing. The same seed gives the same bits on every machine.
 *
 * Training replaces the trunk by one whose batch norms have the statistics of photos (nets/untrained.ts); this one needs
 * none.
 *
 * The reference never trains from scratch, and its batch norms have frozen statistics, which at the start are mean 0 and
 * variance 1: they normalise nothing. So activations are kept at their size by the weights themselves: He's
 * initialisation by fan-in, and the last batch norm of each residual block scaled by 1/√blocks, so that the sum over
 * all blocks has the variance of one. LIT is initialised as torch does it: linear layers uniform in ±1/√fan-in, layer
 * norms 1 and 0, templates from N(0, 1).
 */
import { elementCount, f32Tensor, type HostTensor } from "../../base/tensor.js";
import type { NetParams } from "../params.js";
import { architectureTensors, type TensorSpec } from "./architecture.js";
import { generateValues } from "./generator.js";

/** A complete state dict. */
export function initialState(kind: "fire" | "how", params: NetParams, seed: number): Map<string, HostTensor> {
  const specs = architectureTensors(kind, params);
  const last = lastNorms([...specs.keys()]);
  return new Map(
    [...specs].map(([name, spec]) => [name, initialTensor(name, spec, seed, last.has(name) ? last.size ** -0.5 : 1)]),
  );
}

function initialTensor(name: string, { shape, role }: TensorSpec, seed: number, scale: number): HostTensor {
  if (role === "counter") return { dtype: "I64", shape, data: new BigInt64Array(1) };
  const count = elementCount(shape);
  const fanIn = count / (shape[0] || 1);
  switch (role) {
    case "convolution": {
      // A shortcut has no ReLU behind it alone, so nothing of its variance is cut off.
      const gain = name.includes("downsample") ? 1 : 2;
      return f32Tensor(shape, normal(seed, name, count, Math.sqrt(gain / fanIn)));
    }
    case "templates":
      return f32Tensor(shape, normal(seed, name, count, 1));
    case "linear":
      return f32Tensor(shape, generateValues(seed, name, count, fanIn ** -0.5, 0));
    case "scale":
    case "variance":
      return f32Tensor(shape, new Float32Array(count).fill(role === "scale" ? scale : 1));
    case "shift":
    case "mean":
    case "bias":
      return f32Tensor(shape, new Float32Array(count));
  }
}

/** Scales of the batch norm that ends each residual block: bn3 of bottlenecks, bn2 of the others. */
function lastNorms(names: readonly string[]): Set<string> {
  const last = new Map<string, string>();
  for (const name of names) {
    const block = /^(features\.\d+\.\d+)\.bn\d\.weight$/.exec(name)?.[1];
    if (block) last.set(block, name);
  }
  return new Set(last.values());
}

/** Box and Muller on two generated uniform tensors. */
function normal(seed: number, name: string, count: number, deviation: number): Float32Array {
  const radius = generateValues(seed, `${name}/radius`, count, 0.5, 0.5);
  const angle = generateValues(seed, `${name}/angle`, count, Math.PI, Math.PI);
  return radius.map((u, i) => deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(angle[i]));
}
