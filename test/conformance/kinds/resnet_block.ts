/** @file One residual block in evaluation mode, batch of two. */
import { Inference } from "../../../engine/exec.js";
import { Block } from "../../../nets/resnet.js";
import { InferenceStore } from "../../../nets/weight-store.js";
import type { CaseHandler } from "../case.js";
import { caseState, columnsFirst, sharedDevice, toNhwc } from "../networks.js";

const run: CaseHandler = async (golden) => {
  const device = await sharedDevice();
  const state = caseState(golden);
  const store = new InferenceStore(device, state);
  const bottleneck = golden.json.arch === "Bottleneck";
  const x = toNhwc(golden.read("x"));
  const [N, , outH] = golden.note("y").shape;
  const [width, inChannels] = state.shapeOf("conv1.weight")!;
  const block = new Block(store, { bottleneck, inChannels, width, stride: outH < x.shape[1] ? 2 : 1 });
  state.finish();
  const image = device.upload(x.data, x.shape);
  const y = block.forward(new Inference(device), image);
  const [, h, w, c] = y.shape;
  const data = await device.readF32(y);
  const out = new Float32Array(data.length);
  for (let n = 0; n < N; n++) out.set(columnsFirst(data.subarray(n * h * w * c), h * w, c, c), n * h * w * c);
  for (const t of [image, y]) t.free();
  store.free();
  return [golden.compare("y", out)];
};
export default run;
