/** @file FIRe training step by step. */
import { parseNetParams } from "../../../nets/params.js";
import { fireTrainer } from "../../../nets/train/fire-trainer.js";
import type { CaseHandler } from "../case.js";
import { leaveLargeToFullRun, sharedDevice } from "../networks.js";
import { checkTrainingCase } from "../training.js";

const run: CaseHandler = async (golden, context) => {
  const [superfeature, attention] = golden.json.training.losses;
  const params = parseNetParams(golden.json.net_params, golden.name);
  const device = await sharedDevice();
  leaveLargeToFullRun(golden, device, context);
  return checkTrainingCase(golden, (weights) =>
    fireTrainer(device, weights, params, golden.name, { superfeature, attention }),
  );
};
export default run;
