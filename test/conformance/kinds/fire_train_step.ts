/** @file FIRe training step by step. */
import { parseNetParams } from "../../../nets/params.js";
import { fireTrainer } from "../../../nets/train/fire-trainer.js";
import type { CaseHandler } from "../case.js";
import { caseTensors, sharedDevice } from "../networks.js";
import { checkTraining } from "../training.js";

const run: CaseHandler = async (golden) => {
  const [superfeature, attention] = golden.json.training.losses;
  const params = parseNetParams(golden.json.net_params, golden.name);
  const trainer = fireTrainer(await sharedDevice(), caseTensors(golden), params, golden.name, {
    superfeature,
    attention,
  });
  const checks = await checkTraining(golden, trainer);
  trainer.destroy();
  return checks;
};
export default run;
