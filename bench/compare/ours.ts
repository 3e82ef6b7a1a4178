/** @file This package as one of the engines. */
import { HammingCodes } from "../../asmk/gpu/hamming-topk.js";
import { nearestWords } from "../../asmk/gpu/nearest.js";
import { WordTable } from "../../asmk/gpu/word-table.js";
import { type Device, openDevice } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { pad4, run } from "../../engine/op.js";
import { conv2d, matmul } from "../../engine/ops/conv2d.js";
import { oihw, packPanels, rightMatrix } from "../../engine/ops/pack.js";
import { maxPool } from "../../engine/ops/pool.js";
import type { Plan } from "../../engine/plan.js";
import type { Tensor } from "../../engine/tensor.js";
import { benchNetwork } from "../../tasks/bench/nets.js";
import { padChannels } from "./layout.js";
import { attrsOf } from "./ours-conv.js";
import { gradient } from "./ours-gradient.js";
import type { Prepared } from "./peer.js";
import type { GraphWork, MatmulWork, Work } from "./works.js";

/** Plans replayed with new input data; searches through their own classes. */
export async function ours(work: Work): Promise<Prepared> {
  const device = await openDevice();
  switch (work.kind) {
    case "graph":
      return graph(device, work);
    case "gradient":
      return gradient(device, work);
    case "matmul":
      return product(device, work);
    case "hamming": {
      const codes = new HammingCodes(device, work.codes, work.length);
      return { run: async () => (await codes.topK(work.queries, work.neighbours)).indices };
    }
    case "photo": {
      const network = benchNetwork(device, "FIRe r50");
      const options = { scales: work.scales, featuresNum: 1000 };
      return { run: async () => (await network.extractLocal(work.photo, options)).descriptors };
    }
    case "quantise": {
      const table = new WordTable(device, work.words, work.dim);
      return { run: async () => (await nearestWords(device, table, work.vectors, work.nearest)).words };
    }
  }
}

function graph(device: Device, { size, image, nodes }: GraphWork): Prepared {
  const [height, width, channels] = size;
  const C = pad4(channels);
  const packed = nodes.map((n) => {
    if (n.kind !== "conv") return undefined;
    const weights = pack(device, n.weight, oihw(n.outChannels, n.inChannels, n.kernel, n.kernel));
    return { weights, bias: device.upload(n.bias, [n.outChannels], "bias") };
  });
  const plan = device.plan((input) => {
    const values = new Map<string, Tensor>([["image", input([1, height, width, C], "f32")]]);
    // each value is freed behind its last reader, as the network classes do it
    const lastUse = new Map<string, number>();
    nodes.forEach((n, i) => {
      lastUse.set(n.input, i);
      if (n.kind === "conv" && n.residual) lastUse.set(n.residual, i);
    });
    nodes.forEach((n, i) => {
      const x = values.get(n.input)!;
      if (n.kind === "maxpool") values.set(n.output, run(device, maxPool, [x], { kernel: 3, stride: 2, padding: 1 }));
      else {
        const { weights, bias } = packed[i]!;
        const inputs = [x, weights, bias];
        if (n.residual) inputs.push(values.get(n.residual)!);
        values.set(n.output, run(device, conv2d, inputs, attrsOf(n)));
      }
      for (const [name, last] of lastUse) if (last === i && name !== "image") values.get(name)!.free();
    });
    return [values.get(nodes.at(-1)!.output)!];
  });
  return replayed(plan, () => padChannels(image, channels, C));
}

function product(device: Device, { m, n, k, left, right }: MatmulWork): Prepared {
  const packed = pack(device, right, rightMatrix(k, n));
  const exec = new Inference(device);
  const plan = device.plan((input) => [matmul(exec, input([m, k], "f32"), packed, n)]);
  return replayed(plan, () => left);
}

/** The input's padding is part of the run. */
const replayed = (plan: Plan, input: () => Float32Array): Prepared => ({
  run: async () => (await plan.run(input()))[0] as Float32Array,
});

function pack(device: Device, values: Float32Array, attrs: ReturnType<typeof oihw>): Tensor {
  const raw = device.upload(values, [values.length]);
  const result = run(device, packPanels, [raw], attrs);
  raw.free();
  return result;
}
