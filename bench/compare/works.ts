/**
 * @file The work that engines are compared on, as data that every process makes for itself from the same generator:
 * a graph of convolutions, a matrix product, codes to search, vectors to quantise.
 */

import type { RgbImage } from "../../base/image.js";
import { size } from "../../engine/op.js";
import { generateValues } from "../../nets/weights/generator.js";
import { randomCodes } from "../../tasks/bench/asmk.js";
import { benchPhoto } from "../../tasks/bench/nets.js";
import { EVAL_SCALES } from "../../tasks/bench/sizes.js";
import { trunkNodes } from "./trunk.js";

/** One step; `input`, `residual` and `output` are names of values, the first value is "image". */
export interface ConvNode {
  readonly kind: "conv";
  readonly input: string;
  readonly output: string;
  /** [O, I, k, k] with batch norm folded in. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly outChannels: number;
  readonly inChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  /** Added before the ReLU. */
  readonly residual?: string;
  readonly relu: boolean;
}

/** 3×3 stride 2 with one pixel of padding. */
export interface PoolNode {
  readonly kind: "maxpool";
  readonly input: string;
  readonly output: string;
}

export type GraphNode = ConvNode | PoolNode;

export interface GraphWork {
  readonly kind: "graph";
  /** [height, width, channels] of "image". */
  readonly size: readonly [number, number, number];
  /** NHWC. */
  readonly image: Float32Array;
  readonly nodes: readonly GraphNode[];
}

/**
 * Gradients of Σ weighting·output with respect to every weight and bias. All are computed; those of `compared` nodes,
 * weight [O, I, k, k] and bias one after the other, are the output of a run.
 */
export interface GradientWork extends Omit<GraphWork, "kind"> {
  readonly kind: "gradient";
  /** [height, width, channels] of the last node's output. */
  readonly output: readonly [number, number, number];
  /** As many values. */
  readonly weighting: Float32Array;
  /** Outputs of convolutions. */
  readonly compared: readonly string[];
}

export interface MatmulWork {
  readonly kind: "matmul";
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: Float32Array;
  readonly right: Float32Array;
}

export interface HammingWork {
  readonly kind: "hamming";
  readonly codes: Uint32Array;
  readonly queries: Uint32Array;
  /** u32 a code. */
  readonly length: number;
  readonly neighbours: number;
}

export interface QuantiseWork {
  readonly kind: "quantise";
  readonly vectors: Float32Array;
  readonly words: Float32Array;
  readonly dim: number;
  readonly nearest: number;
}

/** FIRe on one photo. Who has no FIRe runs the trunk alone at every scale: the comparison is to his advantage. */
export interface PhotoWork {
  readonly kind: "photo";
  readonly photo: RgbImage;
  readonly scales: readonly number[];
  readonly trunk: readonly GraphNode[];
}

export type Work = GraphWork | GradientWork | MatmulWork | HammingWork | QuantiseWork | PhotoWork;

/** A comparison: what is done, and by whom beside us. */
export interface Comparison {
  readonly title: string;
  readonly peers: readonly string[];
  readonly make: (mini: boolean) => Work;
  /** Takes minutes: only when --only names it. */
  readonly long?: boolean;
  /** The sides do different work, so that outputs cannot be compared. */
  readonly unequal?: boolean;
  /** Allowed difference over the largest value where the general one does not do; its reason stands beside it. */
  readonly tolerance?: number;
}

const GPU_PEERS = ["tfjs-webgpu", "ort-web-webgpu"];
const CPU_PEERS = ["tfjs-wasm", "ort-web-wasm", "ort-node"];
const OP_PEERS = ["jax-webgpu", ...GPU_PEERS, ...CPU_PEERS];

/** All comparisons by the names that --only takes. */
export const COMPARISONS: Readonly<Record<string, Comparison>> = {
  resnet50: {
    title: "ResNet-50 without layer4, 256×256×3, batch 1",
    peers: [...GPU_PEERS, ...CPU_PEERS],
    make: (mini) => resnet(mini ? 32 : 256),
  },
  fire: photoComparison(768, 576),
  "fire-small": photoComparison(384, 288),
  train: {
    title: "gradients of all weights, ResNet-18 without layer4, 256×256×3, batch 1",
    peers: ["tfjs-webgpu", "tfjs-wasm"],
    make: (mini) => gradient(mini ? 32 : 256),
    // A ReLU whose input is rounding away from zero lets a gradient through on one side and not on the other: a single
    // one, at 3e-7, was seen to move gradients by 3e-4 of the largest. Where none differs they agree to 2e-6.
    tolerance: 1e-3,
  },
  matmul: { title: "matrix product 512³", peers: OP_PEERS, make: (mini) => matmul(mini ? 32 : 512) },
  conv3x64: {
    title: "convolution 3×3, 64→64 channels, 64×64",
    peers: OP_PEERS,
    make: (mini) => convolution(mini ? 8 : 64, 64, 64, 3),
  },
  conv3x256: {
    title: "convolution 3×3, 256→256 channels, 16×16",
    peers: OP_PEERS,
    make: (mini) => convolution(mini ? 4 : 16, 256, 256, 3),
  },
  conv1: {
    title: "convolution 1×1, 64→256 channels, 64×64",
    peers: OP_PEERS,
    make: (mini) => convolution(mini ? 8 : 64, 64, 256, 1),
  },
  hamming: {
    title: "Hamming, 10⁶ codes of 128 bits, 96 queries, 10 nearest",
    peers: ["plain-js"],
    make: (mini) => ({
      kind: "hamming",
      codes: randomCodes(mini ? 1000 : 1e6, 1),
      queries: randomCodes(96, 2),
      length: 4,
      neighbours: 10,
    }),
  },
  quantise: {
    title: "quantise 1,000 vectors of 128 in 65,536 words, 5 nearest",
    peers: ["ort-node"],
    make: (mini) => ({
      kind: "quantise",
      vectors: generateValues(2, "vectors", (mini ? 20 : 1000) * 128, 1, 0),
      words: generateValues(1, "words", (mini ? 256 : 65536) * 128, 1, 0),
      dim: 128,
      nearest: 5,
    }),
  },
};

function photoComparison(width: number, height: number): Comparison {
  return {
    title: `FIRe r50, ${width}×${height} photo, 7 scales, against the trunk alone`,
    peers: ["tfjs-webgpu"],
    long: true,
    unequal: true,
    make: (mini) => ({
      kind: "photo",
      photo: mini ? benchPhoto(48, 32) : benchPhoto(width, height),
      scales: EVAL_SCALES,
      trunk: resnetNodes(),
    }),
  };
}

function matmul(n: number): MatmulWork {
  const left = generateValues(1, "left", n * n, 1, 0);
  return { kind: "matmul", m: n, n, k: n, left, right: generateValues(1, "right", n * n, 1, 0) };
}

function convolution(side: number, inChannels: number, outChannels: number, kernel: number): GraphWork {
  const weights = outChannels * inChannels * kernel * kernel;
  return {
    kind: "graph",
    size: [side, side, inChannels],
    image: generateValues(1, "image", side * side * inChannels, 1, 0),
    nodes: [
      {
        kind: "conv",
        input: "image",
        output: "y",
        weight: generateValues(1, "weight", weights, 0.1, 0),
        bias: generateValues(1, "bias", outChannels, 1, 0),
        outChannels,
        inChannels,
        kernel,
        stride: 1,
        pad: (kernel - 1) / 2,
        relu: false,
      },
    ],
  };
}

/** The trunk of FIRe r50. */
const resnetNodes = () => trunkNodes("resnet50");

function resnet(side: number): GraphWork {
  const image = generateValues(1, "image", side * side * 3, 1, 0);
  return { kind: "graph", size: [side, side, 3], image, nodes: resnetNodes() };
}

/** ResNet-18 as FIRe is trained on it; the output is weighted with fixed values of both signs and summed. */
function gradient(side: number): GradientWork {
  const image = generateValues(1, "image", side * side * 3, 1, 0);
  const nodes = trunkNodes("resnet18");
  const output = [side / 16, side / 16, 256] as const;
  return {
    kind: "gradient",
    size: [side, side, 3],
    image,
    nodes,
    output,
    weighting: generateValues(3, "weighting", size(output), 1, 0),
    compared: ["stem", "5.0b", "6.0s"],
  };
}
