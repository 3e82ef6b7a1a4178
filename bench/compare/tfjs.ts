/** @file TensorFlow.js, its wasm and its WebGPU backend. NHWC, weights HWIO, bias and ReLU fused where it can. */
import { register } from "node:module";
import { generateValues } from "../../nets/weights/generator.js";
import { provideNavigator } from "./gpu.js";
import { concatenated, toHwio, toOihw } from "./layout.js";
import { cannot, type Peer, type Prepared, peerFolder, peerModule } from "./peer.js";
import type { GradientWork, GraphNode, GraphWork, MatmulWork, PhotoWork } from "./works.js";

interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** The part of @tensorflow/tfjs-core that is used here. */
interface TfCore {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(values: Float32Array, shape: readonly number[]): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
  add(a: TfTensor, b: TfTensor): TfTensor;
  relu(x: TfTensor): TfTensor;
  maxPool(x: TfTensor, size: number, stride: number, pad: number, rounding: "floor"): TfTensor;
  tidy<T extends TfTensor | TfTensor[]>(body: () => T): T;
  /** Gradients of `f` with respect to each of `x`; `dy` weights its output. */
  grads(f: () => TfTensor): (x: readonly TfTensor[], dy: TfTensor) => TfTensor[];
  fused: {
    conv2d(options: {
      x: TfTensor;
      filter: TfTensor;
      strides: number;
      pad: number;
      dimRoundingMode: "floor";
      bias: TfTensor;
      activation?: "relu";
    }): TfTensor;
  };
}

/** A backend of TensorFlow.js. */
export function tfjs(backend: "webgpu" | "wasm"): Peer {
  return async (work) => {
    if (work.kind !== "graph" && work.kind !== "gradient" && work.kind !== "matmul" && work.kind !== "photo")
      return cannot(`tfjs-${backend}`, work);
    if (backend === "webgpu") provideNavigator();
    const tf = await peerModule<TfCore>("@tensorflow/tfjs-core");
    const extra = await peerModule<{ setWasmPaths?: (path: string) => void }>(`@tensorflow/tfjs-backend-${backend}`);
    extra.setWasmPaths?.(peerFolder("@tensorflow/tfjs-backend-wasm/wasm-out"));
    if (!(await tf.setBackend(backend))) throw new Error(`bench: tfjs has no ${backend}`);
    await tf.ready();
    if (work.kind === "photo") return trunkAtScales(tf, work);
    if (work.kind === "gradient") {
      // the rules are registered for all copies of core in the process
      register("./tfjs-modules.js", import.meta.url);
      await peerModule("@tensorflow/tfjs-core/dist/register_all_gradients.js");
      return gradient(tf, work);
    }
    return work.kind === "graph" ? graph(tf, work) : product(tf, work);
  };
}

function product(tf: TfCore, { m, n, k, left, right }: MatmulWork): Prepared {
  const b = tf.tensor(right, [k, n]);
  return { run: () => read(tf.tidy(() => tf.matMul(tf.tensor(left, [m, k]), b))) };
}

function graph(tf: TfCore, { size, image, nodes }: GraphWork): Prepared {
  const forward = network(tf, nodes);
  return { run: () => read(tf.tidy(() => forward(tf.tensor(image, [1, ...size])))) };
}

/** The pyramid is made beforehand: rescaling and what follows the trunk are not asked of it. */
function trunkAtScales(tf: TfCore, { photo, scales, trunk }: PhotoWork): Prepared {
  const forward = network(tf, trunk);
  const pyramid = scales.map((s) => {
    const size = [Math.round(photo.height * s), Math.round(photo.width * s), 3] as const;
    return { size, image: generateValues(1, "image", size[0] * size[1] * 3, 1, 0) };
  });
  return {
    async run() {
      let last: Float32Array = new Float32Array();
      for (const { size, image } of pyramid) last = await read(tf.tidy(() => forward(tf.tensor(image, [1, ...size]))));
      return last;
    },
  };
}

/**
 * Gradients by core's own rules. Under them fused convolutions with a ReLU fall apart into convolution, sum and ReLU;
 * that is tfjs' doing, and those without a ReLU stay fused.
 */
function gradient(tf: TfCore, { size, image, nodes, output, weighting, compared }: GradientWork): Prepared {
  const weights = weightsOf(tf, nodes);
  const convs = nodes.filter((n) => n.kind === "conv");
  const parameters = convs.flatMap(({ output }) => Object.values(weights.get(output)!));
  const wanted = compared.map((name) => convs.findIndex((n) => n.output === name));
  return {
    async run() {
      const kept = tf.tidy(() => {
        const x = tf.tensor(image, [1, ...size]);
        // the forward pass takes its weights from around: these are the same tensors that the gradients are asked for
        const gradients = tf.grads(() => forward(tf, nodes, weights, x))(
          parameters,
          tf.tensor(weighting, [1, ...output]),
        );
        return wanted.flatMap((i) => gradients.slice(2 * i, 2 * i + 2));
      });
      return concatenated(await Promise.all(kept.map(read)));
    },
    common(values) {
      let at = 0;
      const next = (count: number) => {
        at += count;
        return (values as Float32Array).subarray(at - count, at);
      };
      const parts = wanted.flatMap((i) => {
        const { weight, bias, inChannels, outChannels } = convs[i];
        return [toOihw(next(weight.length), inChannels, outChannels), next(bias.length)];
      });
      return concatenated(parts);
    },
  };
}

type Weights = ReadonlyMap<string, { readonly filter: TfTensor; readonly bias: TfTensor }>;

/** By the names of the convolutions' outputs. */
function weightsOf(tf: TfCore, nodes: readonly GraphNode[]): Weights {
  const weights = new Map();
  for (const n of nodes) {
    if (n.kind !== "conv") continue;
    const { kernel, inChannels, outChannels } = n;
    const filter = tf.tensor(toHwio(n.weight, inChannels, outChannels), [kernel, kernel, inChannels, outChannels]);
    weights.set(n.output, { filter, bias: tf.tensor(n.bias, [outChannels]) });
  }
  return weights;
}

function network(tf: TfCore, nodes: readonly GraphNode[]): (image: TfTensor) => TfTensor {
  const weights = weightsOf(tf, nodes);
  return (image) => forward(tf, nodes, weights, image);
}

function forward(tf: TfCore, nodes: readonly GraphNode[], weights: Weights, image: TfTensor): TfTensor {
  const values = new Map([["image", image]]);
  for (const node of nodes) {
    const x = values.get(node.input)!;
    if (node.kind === "maxpool") {
      values.set(node.output, tf.maxPool(x, 3, 2, 1, "floor"));
      continue;
    }
    const y = tf.fused.conv2d({
      x,
      ...weights.get(node.output)!,
      strides: node.stride,
      pad: node.pad,
      dimRoundingMode: "floor",
      activation: node.relu && !node.residual ? "relu" : undefined,
    });
    values.set(node.output, node.residual ? tf.relu(tf.add(y, values.get(node.residual)!)) : y);
  }
  return values.get(nodes.at(-1)!.output)!;
}

async function read(y: TfTensor): Promise<Float32Array> {
  const data = await y.data();
  y.dispose();
  return data;
}
