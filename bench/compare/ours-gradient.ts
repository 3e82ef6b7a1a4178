/**
 * @file Gradients of a graph's weights by this package's tape, as a training step takes them: weights are packed anew in
 * every run, because after each step they are others, and their gradients come back in the layout of the parameters.
 */
import type { Device } from "../../engine/device.js";
import { pad4 } from "../../engine/op.js";
import { conv2d } from "../../engine/ops/conv2d.js";
import { oihw, packPanels } from "../../engine/ops/pack.js";
import { maxPool } from "../../engine/ops/pool.js";
import { Tape } from "../../engine/tape.js";
import type { Tensor } from "../../engine/tensor.js";
import { concatenated, padChannels } from "./layout.js";
import { attrsOf } from "./ours-conv.js";
import type { Prepared } from "./peer.js";
import type { GradientWork } from "./works.js";

/** One tape a run. */
export function gradient(device: Device, { size, image, nodes, weighting, compared }: GradientWork): Prepared {
  const [height, width, channels] = size;
  const C = pad4(channels);
  const parameters = new Map<string, { weight: Tensor; bias: Tensor }>();
  for (const n of nodes) {
    if (n.kind !== "conv") continue;
    const weight = device.upload(n.weight, [n.outChannels, n.inChannels, n.kernel, n.kernel], "weight");
    parameters.set(n.output, { weight, bias: device.upload(n.bias, [n.outChannels], "bias") });
  }

  function forward(tape: Tape): Tensor {
    const input = device.upload(padChannels(image, channels, C), [1, height, width, C], "image");
    tape.own(input);
    const values = new Map<string, Tensor>([["image", input]]);
    for (const n of nodes) {
      const x = values.get(n.input)!;
      if (n.kind === "maxpool") {
        values.set(n.output, tape.run(maxPool, [x], { kernel: 3, stride: 2, padding: 1 }));
        continue;
      }
      const { weight, bias } = parameters.get(n.output)!;
      tape.watch(weight, bias);
      const packed = tape.run(packPanels, [weight], oihw(n.outChannels, n.inChannels, n.kernel, n.kernel));
      const inputs = [x, packed, bias];
      if (n.residual) inputs.push(values.get(n.residual)!);
      values.set(n.output, tape.run(conv2d, inputs, attrsOf(n)));
    }
    return values.get(nodes.at(-1)!.output)!;
  }

  return {
    async run() {
      const tape = new Tape(device);
      const output = forward(tape);
      const seed = device.upload(weighting, output.shape, "weighting");
      const gradients = tape.backward([[output, seed]]);
      tape.free();
      const wanted = compared.flatMap((name) => {
        const { weight, bias } = parameters.get(name)!;
        return [gradients.get(weight)!, gradients.get(bias)!];
      });
      const data = (await device.read(...wanted)) as Float32Array[];
      for (const g of gradients.values()) g.free();
      return concatenated(data);
    },
  };
}
