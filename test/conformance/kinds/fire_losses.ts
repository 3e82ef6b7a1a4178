/** @file Losses of FIRe's training: matches, values, and gradients with respect to the network's outputs. */
import type { LossAndGradients } from "../../../nets/losses/contrastive.js";
import { decorrelationLoss } from "../../../nets/losses/decorrelation.js";
import { matchSuperfeatures } from "../../../nets/losses/matching.js";
import { normaliseRows } from "../../../nets/losses/normalise.js";
import { superfeatureLoss } from "../../../nets/losses/superfeature.js";
import { deviceDecorrelation } from "../../support/device-decorrelation.js";
import { type Check, compareClose, type GoldenCase } from "../case.js";
import { sharedDevice } from "../networks.js";

export default async function run(golden: GoldenCase): Promise<Check[]> {
  const { margin, weight, N, D } = golden.json.params;
  const maps = inputs(golden, "attn");
  if (maps.length > 0) {
    const device = await deviceDecorrelation(await sharedDevice(), maps, N, weight);
    return [
      ...lossChecks(golden, decorrelationLoss(maps, N, weight)),
      ...lossChecks(golden, device, 3, 1e-6).map((c) => ({ ...c, tensor: `${c.tensor} (device)` })),
    ];
  }
  const features = inputs(golden, "superfeatures");
  const result = superfeatureLoss(features, D, { margin, weight });
  const { matches } = result;
  const [query, positive] = features.map((f) => normaliseRows(f, D).unit);
  return [
    golden.compare("match/indices", matches.ids),
    golden.compare("match/best_query_for_each_positive", matches.bestQuery),
    golden.compare("match/best_positive_for_each_query", matches.bestPositive),
    golden.compare("match/index_of_second_best_query_for_each_positive", matches.secondQuery),
    golden.compare("match/indices_with_textbook_lowe_test", matchSuperfeatures(query, positive, D, "distance").ids),
    ...lossChecks(golden, result),
  ];
}

function inputs(golden: GoldenCase, prefix: string): Float32Array[] {
  const found: Float32Array[] = [];
  while (golden.has(`${prefix}/${found.length}`)) found.push(golden.f32(`${prefix}/${found.length}`));
  return found;
}

/** Without `slack` for what was computed on the CPU in float64. @param zero largest value where all shall be 0 */
function lossChecks(golden: GoldenCase, { loss, gradients }: LossAndGradients, slack = 1, zero = 1e-9): Check[] {
  return [
    golden.compare("loss", [loss], slack),
    ...gradients.map((g, i) => {
      const name = `grad/${i}`;
      // Where all maps have one location the gradient is 0, and a relative error has no meaning.
      const note = golden.note(name);
      const want = golden.f32(note.f64_tensor ?? name);
      return want.every((v) => v === 0)
        ? compareClose(name, g, want, { abs_max: zero })
        : golden.compare(name, g, slack);
    }),
  ];
}
