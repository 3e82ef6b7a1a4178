/** @file Cases of the ops that MobileNet and SqueezeNet need. */
import { oihw, packPanels } from "../../engine/ops/pack.js";
import { values } from "./case-values.js";
import type { OpCase } from "./op-cases.js";

function depthwiseCase(
  title: string,
  shape: number[],
  extra: { kernel?: number; stride?: number; padding?: number; clipInput?: boolean; clipOutput?: boolean } = {},
): OpCase {
  const { kernel = 3, stride = 1, padding = 1, clipInput = false, clipOutput = false } = extra;
  const C = shape[3];
  const inputs = () => {
    const weight = values([C, 1, kernel, kernel], 2, 0.7);
    const pack = oihw(C, 1, kernel, kernel);
    const packed = { shape: packPanels.shape(pack, [weight.shape]), data: packPanels.reference([weight], pack) };
    return [values(shape, 1, clipInput || clipOutput ? 8 : 1), packed, values([C], 3)];
  };
  return { op: "depthwise", title, attrs: { kernel, stride, padding, clipInput, clipOutput }, inputs };
}

export const trunkOpCases: readonly OpCase[] = [
  depthwiseCase("3×3 of 40 channels, two images", [2, 7, 9, 40]),
  depthwiseCase("3×3 stride 2, odd sizes", [2, 9, 11, 36], { stride: 2 }),
  depthwiseCase("3×3 stride 2, even sizes", [1, 8, 6, 8], { stride: 2 }),
  depthwiseCase("5×5 without padding", [1, 9, 8, 4], { kernel: 5, padding: 0 }),
  depthwiseCase("1×1 of one cell", [1, 1, 1, 4], { kernel: 1, padding: 0 }),
  depthwiseCase("3×3 of one cell", [1, 1, 1, 64]),
  depthwiseCase("3×3 between two ReLU6", [1, 6, 7, 12], { clipInput: true, clipOutput: true }),
  depthwiseCase("3×3 stride 2 behind ReLU6", [1, 7, 8, 12], { stride: 2, clipInput: true }),
  // a weight gradient in several chunks of rows
  depthwiseCase("3×3 of 70 rows", [2, 35, 3, 4]),
  { op: "relu6", title: "of a map", attrs: {}, inputs: () => [values([2, 3, 5, 8], 1, 9)] },
  {
    op: "concatChannels",
    title: "of 16 and 12",
    attrs: { channels: [16, 12] },
    inputs: () => [values([2, 3, 4, 16], 1), values([2, 3, 4, 12], 2)],
  },
  {
    op: "concatChannels",
    title: "of 6 and 5, both padded",
    attrs: { channels: [6, 5] },
    inputs: () => [values([1, 3, 2, 8], 1), values([1, 3, 2, 8], 2)],
  },
  ...[
    [8, 9],
    [7, 6],
    [3, 4],
    [2, 5],
  ].map(
    ([h, w]): OpCase => ({
      op: "maxPool",
      title: `of ${h}×${w} rounded up`,
      attrs: { kernel: 3, stride: 2, padding: 0, ceil: true },
      inputs: () => [values([2, h, w, 8], 1)],
    }),
  ),
  {
    op: "maxPool",
    title: "rounded up, where the last window would begin behind the map",
    attrs: { kernel: 2, stride: 3, padding: 1, ceil: true },
    inputs: () => [values([1, 6, 7, 4], 1)],
  },
];
