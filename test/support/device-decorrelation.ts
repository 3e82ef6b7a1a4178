/** @file FIRe's decorrelation loss as training computes it: the op on the device, its gradient through a tape. */
import type { Device } from "../../engine/device.js";
import { pad4 } from "../../engine/op.js";
import { decorrelation } from "../../engine/ops/decorrelation.js";
import { Tape } from "../../engine/tape.js";
import type { LossAndGradients } from "../../nets/losses/contrastive.js";
import type { Rows } from "../../nets/losses/normalise.js";
import { columns } from "../../nets/train/fire-trainer.js";

/** What `decorrelationLoss` returns for the same arguments. */
export async function deviceDecorrelation(
  device: Device,
  maps: readonly Rows[],
  templates: number,
  weight: number,
): Promise<LossAndGradients> {
  let loss = 0;
  const gradients: Float32Array[] = [];
  for (const map of maps) {
    const L = map.length / templates;
    const x = device.upload(columns(Float32Array.from(map), L, pad4(L)), [templates, pad4(L)]);
    const seed = device.upload(Float32Array.of(weight), [1]);
    const tape = new Tape(device);
    tape.watch(x);
    const term = tape.run(decorrelation, [x], { templates });
    const gradient = tape.backward([[term, seed]]).get(x)!;
    const [value, dx] = (await device.read(term, gradient)) as Float32Array[];
    loss += weight * value[0];
    gradients.push(columns(dx, pad4(L), L));
    for (const t of [x, seed, gradient]) t.free();
    tape.free();
  }
  return { loss, gradients };
}
