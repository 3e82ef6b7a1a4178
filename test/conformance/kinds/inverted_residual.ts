/** @file MobileNetV2's block with batch norm in evaluation mode: value and gradients. */
import { InvertedResidual } from "../../../nets/trunks/mobilenet.js";
import { checkBlock } from "../block.js";
import type { CaseHandler } from "../case.js";

const run: CaseHandler = (golden) => {
  const { in: inChannels, out, stride, expand_ratio: expandRatio } = golden.json.settings;
  return checkBlock(golden, (store) => new InvertedResidual(store, { in: inChannels, out, stride, expandRatio }));
};
export default run;
