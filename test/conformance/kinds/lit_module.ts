/** @file LIT: super-features, the last attention, and all gradients, image by image. */
import { type Gradients, Tape } from "../../../engine/tape.js";
import { Lit } from "../../../nets/lit.js";
import { TrainingStore } from "../../../nets/train/training-store.js";
import type { CaseHandler } from "../case.js";
import { caseState, checkParameterGradients, columnsFirst, imagesFirst, sharedDevice, toNhwc } from "../networks.js";

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
  const templates = new Float32Array(B * dim * N);
  const attention = new Float32Array(B * N * L);
  const dx = new Float32Array(B * L * inputDim);
  const gP = golden.f32("g_templates");
  const gA = golden.f32("g_attn");
  const gradients: Gradients = new Map();
  for (let b = 0; b < B; b++) {
    const tape = new Tape(device);
    store.watch(tape);
    const rows = device.upload(x.data.slice(b * L * inputDim, (b + 1) * L * inputDim), [L, inputDim]);
    tape.watch(rows);
    const result = lit.forward(tape, rows);
    const maps = lit.attentionMaps(tape, result);
    const [P, A] = (await device.read(result.superFeatures, maps)) as Float32Array[];
    templates.set(columnsFirst(P, N, dim, dim), b * dim * N);
    const padded = A.length / N;
    for (let n = 0; n < N; n++) attention.set(A.subarray(n * padded, n * padded + L), (b * N + n) * L);
    // the case's gradients: templates [B, dim, N], attention [B, N, L]
    const seedP = new Float32Array(N * dim);
    for (let d = 0; d < dim; d++) for (let n = 0; n < N; n++) seedP[n * dim + d] = gP[(b * dim + d) * N + n];
    const seedA = new Float32Array(N * padded);
    for (let n = 0; n < N; n++) seedA.set(gA.subarray((b * N + n) * L, (b * N + n + 1) * L), n * padded);
    const seeds = [device.upload(seedP, [N, dim]), device.upload(seedA, [N, padded])];
    tape.backward(
      [
        [result.superFeatures, seeds[0]],
        [maps, seeds[1]],
      ],
      gradients,
    );
    const dRows = gradients.get(rows)!;
    gradients.delete(rows);
    dx.set(await device.readF32(dRows), b * L * inputDim);
    for (const t of [rows, dRows, ...seeds]) t.free();
    tape.free();
  }
  const checks = [golden.compare("templates", templates), golden.compare("attn", attention)];
  if (golden.has("grad/x")) checks.push(golden.compare("grad/x", imagesFirst(dx, B, inputDim)));
  checks.push(...(await checkParameterGradients(golden, store, gradients)));
  store.free();
  return checks;
};
export default run;
