/** @file HOW in evaluation mode: every scale, local selection, global descriptor. */
import { rescale } from "../../../engine/ops/resize.js";
import { HowNetwork } from "../../../nets/how.js";
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
  const net = new HowNetwork(new InferenceStore(device, state), parseNetParams(golden.json.net_params, golden.name));
  state.finish();
  const image = caseImage(golden);
  const scales: number[] = golden.json.scales;
  const maps: { features: Float32Array; attention: Float32Array }[] = [];
  for (const scale of scales) {
    const { features, attention } = device.scope(() => {
      const result = net.forward(rescale(device, uploadImage(device, image, net.runtime), scale, net.convention));
      return { features: result.features, attention: result.attention };
    });
    const [f, a] = (await device.read(features, attention)) as Float32Array[];
    maps.push({ features: f, attention: a });
    for (const t of [features, attention]) t.free();
  }
  const maximum = Math.max(...maps.map((m) => m.attention.reduce((a, b) => Math.max(a, b), 0)));
  const checks: Check[] = [];
  for (const [k, { features, attention }] of maps.entries()) {
    const cells = attention.length;
    const name = `s${k}/feat`;
    if (golden.has(name))
      checks.push(
        golden.compare(
          name,
          columnsFirst(features, cells, features.length / cells, net.outputDim, subsetStep(golden, name)),
        ),
      );
    if (golden.has(`s${k}/strength`))
      checks.push(
        golden.compare(
          `s${k}/strength`,
          attention.map((v) => v / maximum),
        ),
      );
    if (golden.has(`s${k}/att`))
      checks.push(
        golden.compare(
          `s${k}/att`,
          attention.map((v) => v / maximum),
        ),
      );
  }
  checks.push(...(await checkSelections(golden, net, image, scales)));
  net.destroy();
  return checks;
};
export default run;
