/** @file Whole trunks that are no ResNet: results of several modules, the last map, its GeM and the descriptor. */
import { Inference } from "../../../engine/exec.js";
import { gem } from "../../../engine/ops/gem.js";
import { l2Normalise } from "../../../engine/ops/l2-normalise.js";
import type { Tensor } from "../../../engine/tensor.js";
import { openTrunk } from "../../../nets/trunks/open.js";
import { InferenceStore } from "../../../nets/weight-store.js";
import type { CaseHandler, Check } from "../case.js";
import { caseState, columnsFirst, sharedDevice, subsetStep, toNhwc } from "../networks.js";

const run: CaseHandler = async (golden) => {
  const device = await sharedDevice();
  const state = caseState(golden);
  const store = new InferenceStore(device, state);
  const trunk = openTrunk(store.below("features."), golden.json.arch);
  state.finish();
  const x = toNhwc(golden.read("x"));
  const { p, eps, l2_eps: l2Epsilon } = golden.json.gem;
  const exec = new Inference(device);
  const reads: Promise<Check>[] = [];
  device.scope(() => {
    const show = (name: string, y: Tensor) => {
      const [, h, w, c] = y.shape;
      if (!golden.has(name)) return;
      const step = subsetStep(golden, name);
      reads.push(device.readF32(y).then((d) => golden.compare(name, columnsFirst(d, h * w, c, c, step))));
    };
    const map = trunk.forward(exec, device.upload(x.data, x.shape), (name, y) => show(`out_${name}`, y));
    const pooled = exec.run(gem, [map, device.upload(Float32Array.of(p), [1])], { epsilon: eps });
    const descriptor = exec.run(l2Normalise, [pooled.view([1, trunk.channels])], { epsilon: l2Epsilon });
    reads.push(device.readF32(pooled).then((d) => golden.compare("gem", d, 10)));
    reads.push(device.readF32(descriptor).then((d) => golden.compare("descriptor", d, 10)));
    return undefined;
  });
  const checks = await Promise.all(reads);
  store.free();
  return checks;
};
export default run;
