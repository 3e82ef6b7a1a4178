/** @file The trunks of FIRe as a graph: conv1, maxpool, layer1 … layer3 of a ResNet with batch norm folded. */
import { type HostTensor, toFloat32 } from "../../base/tensor.js";
import { parseNetParams } from "../../nets/params.js";
import { BN_EPSILON } from "../../nets/weight-store.js";
import { initialState } from "../../nets/weights/initial.js";
import { SEED } from "../../tasks/bench/nets.js";
import type { GraphNode } from "./works.js";

/** Blocks of layer1 to layer3, and kernels of a block's convolutions; the stage's stride is on the first 3×3. */
const TRUNKS: Readonly<Record<string, { blocks: readonly number[]; kernels: readonly number[] }>> = {
  resnet18: { blocks: [2, 2, 2], kernels: [3, 3] },
  resnet50: { blocks: [3, 4, 6], kernels: [1, 3, 1] },
};

/** Nodes "stem", "pool", then "<stage>.<block>" with a, b, c for the convolutions and s for the shortcut. */
export function trunkNodes(architecture: "resnet18" | "resnet50"): GraphNode[] {
  const state = initialState("how", parseNetParams({ architecture, skip_layer: 1 }, "bench"), SEED);
  const nodes: GraphNode[] = [];
  const conv = (
    input: string,
    output: string,
    names: [conv: string, bn: string],
    stride: number,
    rest: { relu: boolean; residual?: string },
  ) => {
    const shape = state.get(`features.${names[0]}.weight`)!.shape;
    const folded = fold(state, names);
    const [outChannels, inChannels, kernel] = shape;
    const pad = (kernel - 1) / 2;
    nodes.push({ kind: "conv", input, output, ...folded, outChannels, inChannels, kernel, stride, pad, ...rest });
    return output;
  };
  const { blocks, kernels } = TRUNKS[architecture];
  const strided = kernels.indexOf(3);
  let x = conv("image", "stem", ["0", "1"], 2, { relu: true });
  nodes.push({ kind: "maxpool", input: x, output: "pool" });
  x = "pool";
  blocks.forEach((count, stage) => {
    for (let b = 0; b < count; b++) {
      const at = `${4 + stage}.${b}`;
      const from = x;
      const stride = b === 0 && stage > 0 ? 2 : 1;
      kernels.slice(0, -1).forEach((_, i) => {
        x = conv(x, `${at}${"ab"[i]}`, [`${at}.conv${i + 1}`, `${at}.bn${i + 1}`], i === strided ? stride : 1, {
          relu: true,
        });
      });
      const shortcut: [string, string] = [`${at}.downsample.0`, `${at}.downsample.1`];
      const residual = state.has(`features.${shortcut[0]}.weight`)
        ? conv(from, `${at}s`, shortcut, stride, { relu: false })
        : from;
      const n = kernels.length;
      x = conv(x, `${at}${"abc"[n - 1]}`, [`${at}.conv${n}`, `${at}.bn${n}`], 1, { relu: true, residual });
    }
  });
  return nodes;
}

function fold(state: Map<string, HostTensor>, [conv, bn]: [string, string]) {
  const get = (name: string) => toFloat32(state.get(`features.${name}`)!);
  const [raw, gamma, beta] = [get(`${conv}.weight`), get(`${bn}.weight`), get(`${bn}.bias`)];
  const [mean, variance] = [get(`${bn}.running_mean`), get(`${bn}.running_var`)];
  const scale = gamma.map((g, o) => g / Math.sqrt(variance[o] + BN_EPSILON));
  const per = raw.length / scale.length;
  return {
    weight: raw.map((w, i) => w * scale[Math.floor(i / per)]),
    bias: beta.map((b, o) => b - mean[o] * scale[o]),
  };
}
