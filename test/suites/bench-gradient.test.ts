/** @file The training comparison: our side against finite differences in float64, and the graphs of the trunks. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { padChannels } from "../../bench/compare/layout.js";
import { ours } from "../../bench/compare/ours.js";
import { trunkNodes } from "../../bench/compare/trunk.js";
import type { ConvNode, GradientWork } from "../../bench/compare/works.js";
import type { Array64, Op } from "../../engine/op.js";
import { conv2d } from "../../engine/ops/conv2d.js";
import { oihw, packPanels } from "../../engine/ops/pack.js";
import { maxPool } from "../../engine/ops/pool.js";
import { generateValues } from "../../nets/weights/generator.js";

const test = suite("bench gradient");

test("our side of the training comparison gives the derivatives of the weighted output", async () => {
  const work = smallGradientWork();
  const got = (await (await ours(work)).run()) as Float32Array;
  const largest = got.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const step = 1e-5;
  let at = 0;
  let nonZero = 0;
  for (const name of work.compared) {
    const node = work.nodes.find((n): n is ConvNode => n.output === name)!;
    for (const key of ["weight", "bias"] as const) {
      for (let i = 0; i < node[key].length; i += Math.ceil(node[key].length / 12)) {
        const value = (shift: number) => weightedOutput(work, { node, key, i, shift });
        const want = (value(step) - value(-step)) / (2 * step);
        // float32 on the device, and a sum of some hundred terms; a missed term or a wrong layout gives 1e-2 and more
        assert.ok(Math.abs(got[at + i] - want) < 1e-4 * largest, `${name} ${key}[${i}]: ${got[at + i]}, ${want}`);
        if (Math.abs(want) > 1e-2 * largest) nonZero++;
      }
      at += node[key].length;
    }
  }
  assert.is(got.length, at);
  assert.ok(nonZero > 40, `only ${nonZero} derivatives say anything`);
});

test("the trunks of the comparisons have the convolutions of their networks", () => {
  const convs = (name: "resnet18" | "resnet50") => trunkNodes(name).filter((n): n is ConvNode => n.kind === "conv");
  // stem, two or three a block, one for each shortcut: layer1 of ResNet-18 has none
  assert.is(convs("resnet18").length, 1 + 2 * 6 + 2);
  assert.is(convs("resnet50").length, 1 + 3 * 13 + 3);
  for (const name of ["resnet18", "resnet50"] as const) {
    const stride = new Map([["image", 1]]);
    for (const n of trunkNodes(name)) {
      const own = n.kind === "conv" ? n.stride : 2;
      stride.set(n.output, stride.get(n.input)! * own);
      if (n.kind === "conv" && n.residual) assert.is(stride.get(n.residual), stride.get(n.output), n.output);
    }
    assert.is(stride.get(trunkNodes(name).at(-1)!.output), 16);
  }
});

/** A strided stem of three channels, pooling and a residual block: all that the trunk is made of. */
function smallGradientWork(): GradientWork {
  const conv = (name: string, input: string, I: number, O: number, kernel: number, stride: number) => ({
    kind: "conv" as const,
    input,
    output: name,
    weight: generateValues(5, name, O * I * kernel * kernel, (I * kernel * kernel) ** -0.5, 0),
    bias: generateValues(6, name, O, 0.2, 0),
    outChannels: O,
    inChannels: I,
    kernel,
    stride,
    pad: (kernel - 1) / 2,
    relu: true,
  });
  return {
    kind: "gradient",
    size: [16, 12, 3],
    image: generateValues(1, "image", 16 * 12 * 3, 1, 0),
    nodes: [
      conv("stem", "image", 3, 8, 7, 2),
      { kind: "maxpool", input: "stem", output: "pool" },
      conv("a", "pool", 8, 8, 3, 1),
      { ...conv("b", "a", 8, 8, 3, 1), residual: "pool" },
      { ...conv("s", "b", 8, 12, 1, 2), relu: false },
    ],
    output: [2, 2, 12],
    weighting: generateValues(2, "weighting", 2 * 2 * 12, 1, 0),
    compared: ["stem", "a", "b", "s"],
  };
}

/** Σ weighting·output in float64 by the twins of the ops, with one parameter shifted. */
function weightedOutput(
  { size, image, nodes, weighting }: GradientWork,
  shifted: { node: ConvNode; key: "weight" | "bias"; i: number; shift: number },
): number {
  const [height, width, channels] = size;
  const padded = Float64Array.from(padChannels(image, channels, 4));
  const values = new Map<string, Array64>([["image", { shape: [1, height, width, 4], data: padded }]]);
  for (const n of nodes) {
    const x = values.get(n.input)!;
    const set = <A>(op: Op<A>, inputs: Array64[], attrs: A) => {
      const shape = op.shape(
        attrs,
        inputs.map((t) => t.shape),
      );
      values.set(n.output, { shape, data: op.reference(inputs, attrs) });
    };
    if (n.kind === "maxpool") {
      set(maxPool, [x], { kernel: 3, stride: 2, padding: 1 });
      continue;
    }
    const parameter = (key: "weight" | "bias") => {
      const data = Float64Array.from(n[key]);
      if (n === shifted.node && key === shifted.key) data[shifted.i] += shifted.shift;
      return { shape: [data.length], data };
    };
    const attrs = oihw(n.outChannels, n.inChannels, n.kernel, n.kernel);
    const weight = parameter("weight");
    const packed = { shape: packPanels.shape(attrs, [weight.shape]), data: packPanels.reference([weight], attrs) };
    set(conv2d, [x, packed, parameter("bias"), ...(n.residual ? [values.get(n.residual)!] : [])], {
      outChannels: n.outChannels,
      kernel: [n.kernel, n.kernel],
      stride: n.stride,
      padding: [n.pad, n.pad],
      dilation: 1,
      relu: n.relu,
    });
  }
  return values.get(nodes.at(-1)!.output)!.data.reduce((sum, v, i) => sum + v * weighting[i], 0);
}

test.run();
