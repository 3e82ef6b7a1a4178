/** @file TensorFlow.js, its wasm and its WebGPU backend. NHWC, weights HWIO, bias and ReLU fused where it can. */
import { generateValues } from "../../nets/weights/generator.js";
import { provideNavigator } from "./gpu.js";
import { toHwio } from "./layout.js";
import { cannot, type Peer, type Prepared, peerFolder, peerModule } from "./peer.js";
import type { GraphNode, GraphWork, MatmulWork, PhotoWork } from "./works.js";

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
  tidy(body: () => TfTensor): TfTensor;
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
    if (work.kind !== "graph" && work.kind !== "matmul" && work.kind !== "photo")
      return cannot(`tfjs-${backend}`, work);
    if (backend === "webgpu") provideNavigator();
    const tf = await peerModule<TfCore>("@tensorflow/tfjs-core");
    const extra = await peerModule<{ setWasmPaths?: (path: string) => void }>(`@tensorflow/tfjs-backend-${backend}`);
    extra.setWasmPaths?.(peerFolder("@tensorflow/tfjs-backend-wasm/wasm-out"));
    if (!(await tf.setBackend(backend))) throw new Error(`bench: tfjs has no ${backend}`);
    await tf.ready();
    if (work.kind === "photo") return trunkAtScales(tf, work);
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

function network(tf: TfCore, nodes: readonly GraphNode[]): (image: TfTensor) => TfTensor {
  const weights = nodes.map((node) => {
    if (node.kind !== "conv") return undefined;
    const { kernel, inChannels, outChannels } = node;
    const turned = toHwio(node.weight, node.inChannels, node.outChannels);
    return {
      filter: tf.tensor(turned, [kernel, kernel, inChannels, outChannels]),
      bias: tf.tensor(node.bias, [outChannels]),
    };
  });
  return (image) => {
    const values = new Map([["image", image]]);
    nodes.forEach((node, i) => {
      const x = values.get(node.input)!;
      if (node.kind === "maxpool") {
        values.set(node.output, tf.maxPool(x, 3, 2, 1, "floor"));
        return;
      }
      const y = tf.fused.conv2d({
        x,
        ...weights[i]!,
        strides: node.stride,
        pad: node.pad,
        dimRoundingMode: "floor",
        activation: node.relu && !node.residual ? "relu" : undefined,
      });
      values.set(node.output, node.residual ? tf.relu(tf.add(y, values.get(node.residual)!)) : y);
    });
    return values.get(nodes.at(-1)!.output)!;
  };
}

async function read(y: TfTensor): Promise<Float32Array> {
  const data = await y.data();
  y.dispose();
  return data;
}
