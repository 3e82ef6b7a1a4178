/** @file ReLU6, min(max(x, 0), 6): MobileNet's activation (Sandler et al. 2018, "MobileNetV2"). */
import type { Device } from "../device.js";
import { type Op, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";

export const relu6: Op<Record<string, never>> = {
  name: "relu6",
  inputs: ["input"],
  shape: (_a, [x]) => [...x],
  forward: (device, [x], _a, output) => launch(device, 0, [x], output),
  reference: ([x]) => x.data.map((v) => Math.min(Math.max(v, 0), 6)),
  gradient: ({ device, inputs: [x], outputGradient }) => [relu6Gradient(device, x, outputGradient)],
  cost: (_a, [x]) => ({ flops: 2 * size(x), bytes: 8 * size(x) }),
};

/** dy where 0 < x < 6, else 0; x may be the input or the output. */
export function relu6Gradient(device: Device, x: Tensor, dy: Tensor): Tensor {
  const dx = device.empty(x.shape, "f32", "relu6 gradient");
  launch(device, 1, [x, dy], dx);
  return dx;
}

function launch(device: Device, kind: 0 | 1, reads: Tensor[], output: Tensor): void {
  device.dispatch({
    shader: "activation/relu6.wgsl",
    constants: { KIND: kind },
    reads,
    writes: [output],
    params: [output.elements / 4],
    groups: groupsFor(output.elements / 4),
    label: `relu6${kind ? "Gradient" : ""}/${output.shape.join("x")}`,
    cost: { flops: 2 * output.elements, bytes: 8 * output.elements },
  });
}
