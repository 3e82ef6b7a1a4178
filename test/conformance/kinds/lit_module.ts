/** @file LIT: super-features, the last attention, and all gradients, of the case's images as one batch. */
import { pad4 } from "../../../engine/op.js";
import { type Gradients, Tape } from "../../../engine/tape.js";
import { Lit } from "../../../nets/lit.js";
import { columns } from "../../../nets/train/fire-trainer.js";
import { TrainingStore } from "../../../nets/train/training-store.js";
import type { CaseHandler } from "../case.js";
import { caseState, checkParameterGradients, imagesFirst, sharedDevice, toNhwc } from "../networks.js";

const run: CaseHandler = async (golden) => {
  const device = await sharedDevice();
  const state = caseState(golden);
  const { T, N, dim, input_dim: inputDim } = golden.json.params;
  const store = new TrainingStore(device, state);
  const lit = new Lit(store, { T, N, dim }, inputDim);
  state.finish();
  store.prepare();
  const x = toNhwc(golden.read("x"));
  const [B, H, W] = x.shape;
  const L = H * W;
  const gradients: Gradients = new Map();
  const tape = new Tape(device);
  store.watch(tape);
  const rows = device.upload(x.data, [B * L, x.shape[3]]);
  tape.watch(rows);
  const result = lit.forward(tape, lit.read(tape, rows, B));
  const maps = lit.attentionMaps(tape, result);
  const [P, A] = (await device.read(result.superFeatures, maps)) as Float32Array[];
  const templates = imagesFirst(columns(P, pad4(dim), dim), B, dim);
  const padded = A.length / B / N;
  const attention = columns(A, padded, L);
  // the case's gradients: templates [B, dim, N], attention [B, N, L]
  const seeds = [
    device.upload(columns(imagesFirst(golden.f32("g_templates"), B, N), dim, pad4(dim)), [B * N, pad4(dim)]),
    device.upload(columns(golden.f32("g_attn"), L, padded), [B * N, padded]),
  ];
  tape.backward(
    [
      [result.superFeatures, seeds[0]],
      [maps, seeds[1]],
    ],
    gradients,
  );
  const dRows = gradients.get(rows)!;
  gradients.delete(rows);
  const dx = await device.readF32(dRows);
  for (const t of [rows, dRows]) t.free();
  tape.free();
  const checks = [golden.compare("templates", templates), golden.compare("attn", attention)];
  if (golden.has("grad/x"))
    checks.push(golden.compare("grad/x", imagesFirst(columns(dx, x.shape[3], inputDim), B, inputDim)));
  checks.push(...(await checkParameterGradients(golden, store, gradients)));
  store.free();
  return checks;
};
export default run;
