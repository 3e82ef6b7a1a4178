/** @file The total table of ops: a test runs value, support and shape checks for each, so none can be forgotten. */
import { batchedMatmul } from "./batched-matmul.js";
import { compete } from "./compete.js";
import { concatChannels } from "./concat-channels.js";
import { conv2d } from "./conv2d.js";
import { decorrelation } from "./decorrelation.js";
import { depthwise } from "./depthwise.js";
import { divideRows } from "./divide-rows.js";
import { foldBias, foldWeight } from "./fold.js";
import { gem } from "./gem.js";
import { l2Normalise } from "./l2-normalise.js";
import { layerNorm } from "./layer-norm.js";
import { normalise } from "./normalise.js";
import { packPanels } from "./pack.js";
import { padRows } from "./pad-rows.js";
import { averagePool, maxPool } from "./pool.js";
import { mac, regionSum, spoc } from "./region-pool.js";
import { relu6 } from "./relu6.js";
import { repeatRows } from "./repeat-rows.js";
import { resize } from "./resize.js";
import { rowNorm, rowSum } from "./row-reduce.js";
import { gatherRows, weightedSum } from "./select.js";

export const ops = {
  averagePool,
  batchedMatmul,
  compete,
  concatChannels,
  conv2d,
  decorrelation,
  depthwise,
  divideRows,
  foldBias,
  foldWeight,
  gatherRows,
  gem,
  l2Normalise,
  layerNorm,
  mac,
  maxPool,
  normalise,
  packPanels,
  padRows,
  regionSum,
  relu6,
  repeatRows,
  resize,
  rowNorm,
  rowSum,
  spoc,
  weightedSum,
} as const;

export type OpName = keyof typeof ops;
