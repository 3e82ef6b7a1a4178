/** @file ONNX Runtime: native on the CPU, and for browsers as wasm and WebGPU. NCHW. */
import { provideNavigator } from "./gpu.js";
import { toChannelsFirst, toChannelsLast, transpose } from "./layout.js";
import { graphModel, matmulModel } from "./onnx.js";
import { cannot, type Output, type Peer, type Prepared, peerFolder, peerModule } from "./peer.js";
import type { QuantiseWork } from "./works.js";

interface OrtTensor {
  readonly data: Float32Array;
  dispose(): void;
}

interface OrtSession {
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
}

/** The part of onnxruntime-common that is used here. */
interface Ort {
  readonly env: { wasm: { wasmPaths?: string; numThreads?: number } };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> };
}

type Flavour = "node" | "web-wasm" | "web-webgpu";

const PACKAGES: Record<Flavour, string> = {
  node: "onnxruntime-node",
  "web-wasm": "onnxruntime-web/wasm",
  "web-webgpu": "onnxruntime-web/webgpu",
};

// Spinning threads would take the next candidate's time. It can only slow the peer down a little.
const NODE_OPTIONS = { intraOpNumThreads: 2, extra: { session: { intra_op: { allow_spinning: "0" } } } };
const OPTIONS: Record<Flavour, object> = {
  node: NODE_OPTIONS,
  "web-wasm": { executionProviders: ["wasm"] },
  "web-webgpu": { executionProviders: ["webgpu"] },
};

/** A flavour of ONNX Runtime. */
export function ort(flavour: Flavour): Peer {
  return async (work) => {
    if (flavour === "web-webgpu") provideNavigator();
    const module = await peerModule<Ort & { default?: Ort }>(PACKAGES[flavour]);
    const api = module.InferenceSession ? module : module.default!;
    if (flavour !== "node") api.env.wasm.wasmPaths = `file://${peerFolder("onnxruntime-web/dist")}`;
    const open = (model: Uint8Array) => api.InferenceSession.create(model, OPTIONS[flavour]);
    if (work.kind === "quantise" && flavour === "node") return quantise(api, open, work);
    if (work.kind === "matmul") {
      const { m, n, k, left, right } = work;
      const session = await open(matmulModel(m, n, k, right));
      return { run: () => call(api, session, left, [m, k]) };
    }
    if (work.kind !== "graph") return cannot(`ort-${flavour}`, work);
    const [height, width, channels] = work.size;
    const image = toChannelsFirst(work.image, channels);
    const session = await open(graphModel(work));
    const last = work.nodes.at(-1)!;
    const outChannels = last.kind === "conv" ? last.outChannels : channels;
    return {
      run: () => call(api, session, image, [1, channels, height, width]),
      common: (y: Output) => toChannelsLast(y as Float32Array, outChannels),
    };
  };
}

async function call(api: Ort, session: OrtSession, data: Float32Array, dims: readonly number[]): Promise<Float32Array> {
  const { result } = await session.run({ image: new api.Tensor("float32", data, dims) });
  return result.data;
}

/** Products of a block of vectors at a time, then the nearest by |w|²/2 − v·w in plain JavaScript. */
async function quantise(
  api: Ort,
  open: (model: Uint8Array) => Promise<OrtSession>,
  { vectors, words, dim, nearest }: QuantiseWork,
): Promise<Prepared> {
  const count = words.length / dim;
  const rows = vectors.length / dim;
  const block = Math.min(rows, 100); // 26 MB of products
  const session = await open(matmulModel(block, count, dim, transpose(words, count, dim)));
  const half = Float64Array.from({ length: count }, (_, w) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += words[w * dim + d] ** 2;
    return sum / 2;
  });
  return {
    run: async () => {
      const out = new Int32Array(rows * nearest);
      for (let row = 0; row < rows; row += block) {
        const products = await call(api, session, vectors.subarray(row * dim, (row + block) * dim), [block, dim]);
        for (let r = 0; r < block; r++)
          lowest(half, products.subarray(r * count, (r + 1) * count), out.subarray((row + r) * nearest), nearest);
      }
      return out;
    },
  };
}

function lowest(half: Float64Array, products: Float32Array, out: Int32Array, count: number): void {
  const best = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (let w = 0; w < half.length; w++) {
    const score = half[w] - products[w];
    if (!(score < best[count - 1])) continue;
    let at = count - 1;
    for (; at > 0 && score < best[at - 1]; at--) {
      best[at] = best[at - 1];
      out[at] = out[at - 1];
    }
    best[at] = score;
    out[at] = w;
  }
}
