/** @file One residual block with batch norm in evaluation mode, batch of two: value and gradients. */
import { Tape } from "../../../engine/tape.js";
import { Block } from "../../../nets/resnet.js";
import { TrainingStore } from "../../../nets/train/training-store.js";
import type { CaseHandler } from "../case.js";
import { caseState, checkParameterGradients, imagesFirst, sharedDevice, toNhwc } from "../networks.js";

const run: CaseHandler = async (golden) => {
  const device = await sharedDevice();
  const state = caseState(golden);
  const store = new TrainingStore(device, state);
  const bottleneck = golden.json.arch === "Bottleneck";
  const x = toNhwc(golden.read("x"));
  const [N, , outH] = golden.note("y").shape;
  const [width, inChannels] = state.shapeOf("conv1.weight")!;
  const block = new Block(store, { bottleneck, inChannels, width, stride: outH < x.shape[1] ? 2 : 1 });
  state.finish();
  store.prepare();
  const tape = new Tape(device);
  store.watch(tape);
  const image = device.upload(x.data, x.shape);
  tape.watch(image);
  const y = block.forward(tape, image);
  const checks = [golden.compare("y", imagesFirst(await device.readF32(y), N, y.shape[3]))];
  const seed = device.upload(toNhwc(golden.read("gy")).data, y.shape);
  const gradients = tape.backward([[y, seed]]);
  const dx = gradients.get(image)!;
  gradients.delete(image);
  checks.push(golden.compare("grad/x", imagesFirst(await device.readF32(dx), N, x.shape[3])));
  checks.push(...(await checkParameterGradients(golden, store, gradients)));
  for (const t of [image, dx]) t.free();
  tape.free();
  store.free();
  return checks;
};
export default run;
