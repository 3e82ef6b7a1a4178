/** @file FIRe in evaluation mode: every scale, local selection, global descriptor. */
import { rescale } from "../../../engine/ops/resize.js";
import { FireNetwork } from "../../../nets/fire.js";
import { parseNetParams } from "../../../nets/params.js";
import { InferenceStore } from "../../../nets/weight-store.js";
import type { CaseHandler, Check } from "../case.js";
import {
  caseImage,
  caseState,
  checkSelections,
  columnsFirst,
  leaveLargeToFullRun,
  sharedDevice,
  subsetStep,
  uploadImage,
} from "../networks.js";

const run: CaseHandler = async (golden, context) => {
  const device = await sharedDevice();
  leaveLargeToFullRun(golden, device, context);
  const state = caseState(golden);
  const net = new FireNetwork(new InferenceStore(device, state), parseNetParams(golden.json.net_params, golden.name));
  state.finish();
  const image = caseImage(golden);
  const scales: number[] = golden.json.scales;
  const checks: Check[] = [];
  const locations = (name: string) => golden.note(name).shape[1] * golden.note(name).shape[2];
  for (const [k, scale] of scales.entries()) {
    if (!golden.has(`s${k}/strength`)) continue;
    const { raw, superFeatures, strengths, attention } = device.scope(() =>
      net.forward(rescale(device, uploadImage(device, image, net.runtime), scale, net.convention)),
    );
    const [P, F, S, A] = (await device.read(raw, superFeatures, strengths, attention)) as Float32Array[];
    const N = S.length;
    const check = (name: string, make: (step: number) => Float32Array) => {
      if (golden.has(name)) checks.push(golden.compare(name, make(subsetStep(golden, name))));
    };
    check(`s${k}/sf`, () => columnsFirst(F, N, F.length / N, net.outputDim));
    check(`s${k}/sf_raw`, (step) => columnsFirst(P, N, P.length / N, P.length / N, step));
    check(`s${k}/strength`, () => S);
    check(`s${k}/attn`, (step) => everyRow(A, N, locations(`s${k}/attn`), step));
    for (const t of [raw, superFeatures, strengths, attention]) t.free();
  }
  checks.push(...(await checkSelections(golden, net, image, scales)));
  net.destroy();
  return checks;
};
export default run;

/** Every `step`-th row of [N, padded], the first `count` values of each. */
function everyRow(data: Float32Array, N: number, count: number, step: number): Float32Array {
  const out: number[] = [];
  for (let n = 0; n < N; n += step) out.push(...data.subarray((n * data.length) / N, (n * data.length) / N + count));
  return Float32Array.from(out);
}
