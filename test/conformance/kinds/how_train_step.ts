/** @file HOW training step by step. */
import { parseNetParams } from "../../../nets/params.js";
import { howTrainer } from "../../../nets/train/how-trainer.js";
import type { CaseHandler } from "../case.js";
import { caseTensors, sharedDevice } from "../networks.js";
import { checkTraining } from "../training.js";

const run: CaseHandler = async (golden) => {
  const params = parseNetParams(golden.json.net_params, golden.name);
  const { margin } = golden.json.training.losses;
  const trainer = howTrainer(await sharedDevice(), caseTensors(golden), params, golden.name, { margin });
  const checks = await checkTraining(golden, trainer);
  trainer.destroy();
  return checks;
};
export default run;
