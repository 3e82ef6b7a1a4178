/** @file ResNet trunks: the plain first convolution, then activations after maxpool and each stage. */

import { Inference } from "../../../engine/exec.js";
import { run as runOp } from "../../../engine/op.js";
import { conv2d } from "../../../engine/ops/conv2d.js";
import { oihw, packPanels } from "../../../engine/ops/pack.js";
import { ResNet } from "../../../nets/resnet.js";
import { InferenceStore } from "../../../nets/weight-store.js";
import type { CaseHandler, Check } from "../case.js";
import { caseState, columnsFirst, sharedDevice, subsetStep, toNhwc } from "../networks.js";

const run: CaseHandler = async (golden) => {
  const device = await sharedDevice();
  const state = caseState(golden);
  const store = new InferenceStore(device, state);
  const net = new ResNet(store, { architecture: golden.json.arch, skipLayer: golden.json.skip_layer });
  const conv1 = state.get("0.weight", [64, 3, 7, 7]);
  state.finish();
  const x = toNhwc(golden.read("x"));
  const reads: Promise<Check>[] = [];
  device.scope(() => {
    const image = device.upload(x.data, x.shape);
    const check = (stage: string, y: ReturnType<typeof device.empty>) => {
      const name = `out_${stage}`;
      const [, h, w, c] = y.shape;
      if (golden.has(name))
        reads.push(
          device.readF32(y).then((d) => golden.compare(name, columnsFirst(d, h * w, c, c, subsetStep(golden, name)))),
        );
    };
    // the network folds batch norm and ReLU into its first convolution; the case shows it bare
    const weights = runOp(device, packPanels, [device.upload(conv1, [conv1.length])], oihw(64, 3, 7, 7));
    const attrs = { outChannels: 64, kernel: [7, 7], stride: 2, padding: [3, 3], dilation: 1, relu: false } as const;
    check("conv1", runOp(device, conv2d, [image, weights, device.zeros(64)], attrs));
    net.forward(new Inference(device), image, (stage, y) => {
      if (stage !== "conv1") check(stage, y);
    });
    return undefined;
  });
  const checks = await Promise.all(reads);
  store.free();
  return checks;
};
export default run;
