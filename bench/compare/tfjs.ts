/** @file TensorFlow.js, its wasm and its WebGPU backend. NHWC, weights HWIO, bias and ReLU fused where it can. */
import { provideNavigator } from "./gpu.js";
import { toHwio } from "./layout.js";
import { cannot, type Peer, type Prepared, peerFolder, peerModule } from "./peer.js";
import type { GraphWork, MatmulWork } from "./works.js";

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
    if (work.kind !== "graph" && work.kind !== "matmul") return cannot(`tfjs-${backend}`, work);
    if (backend === "webgpu") provideNavigator();
    const tf = await peerModule<TfCore>("@tensorflow/tfjs-core");
    const extra = await peerModule<{ setWasmPaths?: (path: string) => void }>(`@tensorflow/tfjs-backend-${backend}`);
    extra.setWasmPaths?.(peerFolder("@tensorflow/tfjs-backend-wasm/wasm-out"));
    if (!(await tf.setBackend(backend))) throw new Error(`bench: tfjs has no ${backend}`);
    await tf.ready();
    return work.kind === "graph" ? graph(tf, work) : product(tf, work);
  };
}

function product(tf: TfCore, { m, n, k, left, right }: MatmulWork): Prepared {
  const b = tf.tensor(right, [k, n]);
  return { run: () => read(tf.tidy(() => tf.matMul(tf.tensor(left, [m, k]), b))) };
}

function graph(tf: TfCore, { size, image, nodes }: GraphWork): Prepared {
  const weights = nodes.map((node) => {
    if (node.kind !== "conv") return undefined;
    const { kernel, inChannels, outChannels } = node;
    const turned = toHwio(node.weight, node.inChannels, node.outChannels);
    return {
      filter: tf.tensor(turned, [kernel, kernel, inChannels, outChannels]),
      bias: tf.tensor(node.bias, [outChannels]),
    };
  });
  const forward = () => {
    const values = new Map<string, TfTensor>([["image", tf.tensor(image, [1, ...size])]]);
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
  return { run: () => read(tf.tidy(forward)) };
}

async function read(y: TfTensor): Promise<Float32Array> {
  const data = await y.data();
  y.dispose();
  return data;
}
