/** @file One block of a trunk, forward and back, as several kinds of cases have it. */
import { Tape } from "../../engine/tape.js";
import { columns } from "../../nets/train/fire-trainer.js";
import { TrainingStore } from "../../nets/train/training-store.js";
import type { Module } from "../../nets/trunks/trunk.js";
import type { WeightStore } from "../../nets/weight-store.js";
import type { Check, GoldenCase } from "./case.js";
import { caseState, checkParameterGradients, imagesFirst, sharedDevice, toNhwc } from "./networks.js";

/** Value and all gradients of Σ y·gy against the case's. */
export async function checkBlock(golden: GoldenCase, build: (store: WeightStore) => Module): Promise<Check[]> {
  const device = await sharedDevice();
  const state = caseState(golden);
  const store = new TrainingStore(device, state);
  const block = build(store);
  state.finish();
  store.prepare();
  const x = toNhwc(golden.read("x"));
  const [N, C] = golden.note("x").shape;
  const tape = new Tape(device);
  store.watch(tape);
  const image = device.upload(x.data, x.shape);
  tape.watch(image);
  const y = block.forward(tape, image);
  const out = golden.note("y").shape[1];
  const unpadded = (data: Float32Array, padded: number, channels: number) =>
    imagesFirst(columns(data, padded, channels), N, channels);
  const checks = [golden.compare("y", unpadded(await device.readF32(y), y.shape[3], out))];
  const seed = device.upload(toNhwc(golden.read("gy")).data, y.shape);
  const gradients = tape.backward([[y, seed]]);
  const dx = gradients.get(image)!;
  gradients.delete(image);
  checks.push(golden.compare("grad/x", unpadded(await device.readF32(dx), x.shape[3], C)));
  checks.push(...(await checkParameterGradients(golden, store, gradients)));
  for (const t of [image, dx]) t.free();
  tape.free();
  store.free();
  return checks;
}
