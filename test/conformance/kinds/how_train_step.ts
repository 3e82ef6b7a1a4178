/** @file HOW training step by step. */
import { parseNetParams } from "../../../nets/params.js";
import { howTrainer } from "../../../nets/train/how-trainer.js";
import type { CaseHandler } from "../case.js";
import { sharedDevice } from "../networks.js";
import { checkTrainingCase } from "../training.js";

const run: CaseHandler = async (golden) => {
  const params = parseNetParams(golden.json.net_params, golden.name);
  const { margin } = golden.json.training.losses;
  const device = await sharedDevice();
  return checkTrainingCase(golden, (weights) => howTrainer(device, weights, params, golden.name, { margin }));
};
export default run;
