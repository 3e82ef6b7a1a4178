/**
 * @file Whole networks with generated weights, so that no file is needed: the arithmetic does not depend on the values as
 * long as they stay finite, and nets/weights/initial.ts keeps activations at their size.
 */
import type { RgbImage } from "../../base/image.js";
import type { Device } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { run } from "../../engine/op.js";
import { normalise } from "../../engine/ops/normalise.js";
import { rescale } from "../../engine/ops/resize.js";
import type { Cost } from "../../engine/profiler.js";
import type { Tensor } from "../../engine/tensor.js";
import type { ScaleNetwork } from "../../nets/extraction.js";
import { FireNetwork } from "../../nets/fire.js";
import { HowNetwork } from "../../nets/how.js";
import type { RetrievalNetwork } from "../../nets/network.js";
import { type NetParams, parseNetParams, runtimeOf } from "../../nets/params.js";
import { ResNet } from "../../nets/resnet.js";
import { State } from "../../nets/state.js";
import { InferenceStore } from "../../nets/weight-store.js";
import { generateValues, mix } from "../../nets/weights/generator.js";
import { initialState } from "../../nets/weights/initial.js";
import type { BenchSizes } from "./sizes.js";
import type { BenchCase } from "./timing.js";

/** Of all generated weights. */
export const SEED = 3;

/** Networks by the names that the table shows; the small ones are for tests. */
export const NETWORKS: Readonly<Record<string, { kind: "fire" | "how"; params: NetParams }>> = {
  "HOW r18": { kind: "how", params: how("resnet18", 0) },
  "HOW r50": { kind: "how", params: how("resnet50", 1) },
  "FIRe r50": { kind: "fire", params: fire("resnet50", 1, { T: 6, N: 256, dim: 1024 }) },
  /** What the section "train" takes through a step. */
  "FIRe tiny": { kind: "fire", params: fire("resnet18", 1, { T: 3, N: 64, dim: 256 }, 64) },
  "FIRe mini": { kind: "fire", params: fire("resnet18", 3, { T: 2, N: 8, dim: 16 }) },
};

function how(architecture: string, skip_layer: number): NetParams {
  const params = { architecture, skip_layer, dim_reduction: { dim: 128 }, smoothing: { kernel_size: 3 } };
  return parseNetParams(params, "bench");
}

function fire(architecture: string, skip_layer: number, lit: NetParams["lit"], dim = 128): NetParams {
  return parseNetParams({ architecture, skip_layer, dim_reduction: { dim }, lit }, "bench");
}

/** The weights of a network on the device. */
export function benchStore(device: Device, name: string): InferenceStore {
  const { kind, params } = NETWORKS[name];
  return new InferenceStore(device, new State(initialState(kind, params, SEED), "bench"));
}

/** A network of NETWORKS on the device. */
export function benchNetwork(device: Device, name: string): RetrievalNetwork & ScaleNetwork {
  const { kind, params } = NETWORKS[name];
  const store = benchStore(device, name);
  return kind === "fire" ? new FireNetwork(store, params) : new HowNetwork(store, params);
}

/** A trunk alone, [1, side, side, 3] up and its whole map down, one plan a run. */
export function trunkCase(device: Device, side: number, architecture: string, skipLayer: number): BenchCase {
  const params = parseNetParams({ architecture, skip_layer: skipLayer }, "bench");
  const store = new InferenceStore(device, new State(initialState("how", params, SEED), "bench"));
  const trunk = new ResNet(store.below("features."), { architecture, skipLayer });
  const exec = new Inference(device);
  const plan = device.plan((input) => [trunk.forward(exec, input([1, side, side, 4], "f32"))]);
  const image = generateValues(1, "image", side * side * 4, 1, 0);
  return {
    section: "net",
    name: `${architecture} layers 1 to ${4 - skipLayer}, ${side}x${side}`,
    cost: total(plan.steps),
    finish: async () => {
      await plan.run(image);
    },
    close() {
      plan.dispose();
      store.free();
    },
  };
}

/** A photo to local descriptors at all scales: pixels up, the strongest 1,000 down. */
export function extractionCase(device: Device, name: string, { photo, scales }: BenchSizes): BenchCase {
  const { params } = NETWORKS[name];
  const network = benchNetwork(device, name);
  const image = benchPhoto(photo.width, photo.height);
  return {
    section: "net",
    name: `${name} ${photo.width}x${photo.height}, ${scales.length} scales`,
    cost: extractionCost(device, network, image, scales, params),
    finish: async () => {
      await network.extractLocal(image, { scales, featuresNum: 1000 });
    },
    close: () => network.destroy(),
  };
}

function extractionCost(
  device: Device,
  network: ScaleNetwork,
  { width, height }: RgbImage,
  scales: readonly number[],
  params: NetParams,
): Cost {
  const plan = device.plan((input) => {
    const full = pixels(device, input([height * width * 3], "u8"), { width, height }, params);
    // nothing of it is run: the recorded steps know what they cost
    device.scope(() => {
      network.candidates(scales.map((s) => () => rescale(device, full, s, network.convention)));
      return undefined;
    });
    return [];
  });
  const cost = total(plan.steps);
  plan.dispose();
  return cost;
}

/** RGB bytes on the device → the normalised image [1, height, width, 4]. */
export function pixels(
  device: Device,
  bytes: Tensor,
  size: { readonly width: number; readonly height: number },
  params: NetParams,
): Tensor {
  const [mean, std] = runtimeOf(params).meanStd;
  return run(device, normalise, [bytes], { ...size, mean, std });
}

/** What a list of launches costs together. */
export function total(steps: readonly { readonly cost: Cost }[]): Cost {
  let flops = 0;
  let bytes = 0;
  for (const { cost } of steps) {
    flops += cost.flops;
    bytes += cost.bytes;
  }
  return { flops, bytes };
}

/** A picture with slopes, edges and grain, so that a JPEG of it costs what photos cost. */
export function benchPhoto(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++, at++) {
        const slope = 120 + 60 * Math.sin(x / (37 + 11 * c)) * Math.cos(y / 53);
        const edge = ((x >> 6) + (y >> 5)) & 1 ? 30 : 0;
        data[at] = slope + edge + (mix(at) & 15);
      }
  return { width, height, data };
}
