/** @file jax-js on WebGPU: NCHW, weights OIHW, jitted. Its arrays are consumed by use; `ref` keeps one alive. */
import { provideNavigator } from "./gpu.js";
import { toChannelsFirst, toChannelsLast } from "./layout.js";
import { cannot, type Output, type Prepared, peerModule } from "./peer.js";
import type { Work } from "./works.js";

interface JaxArray {
  readonly ref: JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  add(other: JaxArray): JaxArray;
  data(): Promise<Float32Array>;
}

/** The part of @jax-js/jax that is used here. */
interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): void;
  numpy: { array(values: Float32Array): JaxArray; matmul(a: JaxArray, b: JaxArray): JaxArray };
  lax: {
    conv(x: JaxArray, w: JaxArray, strides: number[], padding: [number, number][] | "SAME"): JaxArray;
  };
  jit<T extends (...args: JaxArray[]) => JaxArray>(f: T): T;
}

/** Matrix products and single convolutions. */
export async function jax(work: Work): Promise<Prepared> {
  if (work.kind !== "matmul" && !(work.kind === "graph" && work.nodes.length === 1)) return cannot("jax-js", work);
  provideNavigator();
  const { init, defaultDevice, numpy, lax, jit } = await peerModule<Jax>("@jax-js/jax");
  if (!(await init("webgpu")).includes("webgpu")) throw new Error("bench: jax-js has no webgpu");
  defaultDevice("webgpu");
  const array = (values: Float32Array, shape: readonly number[]) => numpy.array(values).reshape(shape);
  if (work.kind === "matmul") {
    const { m, n, k, left, right } = work;
    const b = array(right, [k, n]);
    const product = jit((x: JaxArray, y: JaxArray) => numpy.matmul(x, y));
    return { run: () => product(array(left, [m, k]), b.ref).data() };
  }
  const node = work.nodes[0];
  if (node.kind !== "conv") return cannot("jax-js", work);
  const { outChannels: O, inChannels: I, kernel: k, stride, pad } = node;
  const [height, width, channels] = work.size;
  const image = toChannelsFirst(work.image, channels);
  const weight = array(node.weight, [O, I, k, k]);
  const bias = array(node.bias, [1, O, 1, 1]);
  const step = jit((x: JaxArray, w: JaxArray, b: JaxArray) =>
    lax
      .conv(
        x,
        w,
        [stride, stride],
        [
          [pad, pad],
          [pad, pad],
        ],
      )
      .add(b),
  );
  return {
    run: () => step(array(image, [1, channels, height, width]), weight.ref, bias.ref).data(),
    common: (y: Output) => toChannelsLast(y as Float32Array, O),
  };
}
