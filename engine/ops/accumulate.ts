/** @file In-place addition, for gradients: the one kernel that changes a tensor. */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import { groupsFor } from "./launch.js";

/** target += addend, element by element (target = addend with `copy`). */
export function accumulate(device: Device, target: Tensor, addend: Tensor, copy = false): void {
  if (target.elements !== addend.elements)
    throw new Error(`accumulate: elements — expected ${target.elements}, got ${addend.elements}`);
  const limit = Math.floor(device.maxBinding / 1024) * 256;
  for (let at = 0; at < target.elements; at += limit) {
    const count = Math.min(limit, target.elements - at);
    const window = (tensor: Tensor) => ({ tensor, offset: at * 4, bytes: count * 4 });
    device.dispatch({
      shader: "train/accumulate.wgsl",
      constants: { COPY: copy ? 1 : 0 },
      reads: [window(addend)],
      writes: [window(target)],
      params: [count],
      groups: groupsFor(Math.ceil(count / 4)),
      label: `accumulate/${target.shape.join("x")}`,
      cost: { flops: count, bytes: 12 * count },
    });
  }
}
