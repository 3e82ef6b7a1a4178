/** @file Whole networks from a seed: weights of the generator, batch norm statistics that leave activations at their size. */
import { join } from "node:path";
import { elementCount, f32Tensor, type HostTensor } from "../../base/tensor.js";
import type { NetParams } from "../../nets/params.js";
import { architectureTensors } from "../../nets/weights/architecture.js";
import { generateValues } from "../../nets/weights/generator.js";
import { initialState } from "../../nets/weights/initial.js";
import { saveCheckpoint } from "../../nets/weights/save.js";

/** Centre and amplitude of what a trained batch norm may hold. */
const BENIGN = { scale: [1, 0.2], shift: [0, 0.1], mean: [0, 0.1], variance: [1, 0.4], bias: [0, 0.05] } as const;

/** `net_params` of a network with a ResNet trunk; anything may be set otherwise. */
export function netParams(changes: Partial<NetParams> = {}): NetParams {
  return {
    architecture: "resnet18",
    skip_layer: 2,
    stride_on_first: false,
    dim_reduction: { dim: 32 },
    ...changes,
  };
}

/** A complete state dict. */
export function generatedState(kind: "fire" | "how", params: NetParams, seed = 7): Map<string, HostTensor> {
  const state = initialState(kind, params, seed);
  for (const [name, { shape, role }] of architectureTensors(kind, params)) {
    if (!(role in BENIGN)) continue;
    const [centre, amplitude] = BENIGN[role as keyof typeof BENIGN];
    state.set(name, f32Tensor(shape, generateValues(seed, `${name}/benign`, elementCount(shape), amplitude, centre)));
  }
  return state;
}

/** Writes a checkpoint into `folder`; returns its path. */
export function writeNetwork(
  folder: string,
  name: string,
  kind: "fire" | "how",
  params: NetParams,
  stateDict = generatedState(kind, params),
): string {
  const file = join(folder, `${name}.safetensors`);
  saveCheckpoint(file, { version: kind === "fire" ? "fire/2021" : "how/2020", netParams: params, stateDict });
  return file;
}

/** A photo-like image: smooth shades, edges and some noise. */
export function generatedPhoto(width: number, height: number, seed = 1) {
  const data = new Uint8Array(width * height * 3);
  const noise = generateValues(seed, "photo", data.length, 12, 0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const block = ((x >> 4) * 7 + (y >> 4) * 13 + seed * 29) % 17;
      for (let c = 0; c < 3; c++) {
        const at = 3 * (y * width + x) + c;
        const shade = 90 + 60 * Math.sin(x / (37 + c) + seed) + 50 * Math.cos(y / (23 + 5 * c)) + block * (c + 1) - 20;
        data[at] = Math.max(0, Math.min(255, shade + noise[at]));
      }
    }
  }
  return { width, height, data };
}
