/** @file LIT: super-features and the last attention, image by image. */
import { Inference } from "../../../engine/exec.js";
import { Lit } from "../../../nets/lit.js";
import { InferenceStore } from "../../../nets/weight-store.js";
import type { CaseHandler } from "../case.js";
import { caseState, columnsFirst, sharedDevice, toNhwc } from "../networks.js";

const run: CaseHandler = async (golden) => {
  const device = await sharedDevice();
  const state = caseState(golden);
  const store = new InferenceStore(device, state);
  const exec = new Inference(device);
  const { T, N, dim, input_dim: inputDim } = golden.json.params;
  const lit = new Lit(store, { T, N, dim }, inputDim);
  state.finish();
  const x = toNhwc(golden.read("x"));
  const [B, H, W] = x.shape;
  const L = H * W;
  const templates = new Float32Array(B * dim * N);
  const attention = new Float32Array(B * N * L);
  for (let b = 0; b < B; b++) {
    const rows = device.upload(x.data.slice(b * L * inputDim, (b + 1) * L * inputDim), [L, inputDim]);
    const result = lit.forward(exec, rows);
    const maps = lit.attentionMaps(exec, result);
    const [P, A] = (await device.read(result.superFeatures, maps)) as Float32Array[];
    templates.set(columnsFirst(P, N, dim, dim), b * dim * N);
    for (let n = 0; n < N; n++) attention.set(A.subarray((n * A.length) / N, (n * A.length) / N + L), (b * N + n) * L);
    for (const t of [rows, maps, ...Object.values(result)]) t.free();
  }
  store.free();
  return [golden.compare("templates", templates), golden.compare("attn", attention)];
};
export default run;
