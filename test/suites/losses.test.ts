/** @file Training losses: worked values of the specification, and every gradient against finite differences in float64. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import { Mt19937 } from "../../base/random.js";
import { openDevice } from "../../engine/device.js";
import { batchContrast } from "../../nets/losses/batch-contrast.js";
import { contrastiveLoss, type LossAndGradients } from "../../nets/losses/contrastive.js";
import { decorrelationLoss } from "../../nets/losses/decorrelation.js";
import { matchSuperfeatures } from "../../nets/losses/matching.js";
import { normaliseRows } from "../../nets/losses/normalise.js";
import { superfeatureLoss } from "../../nets/losses/superfeature.js";
import { GoldenCase } from "../conformance/case.js";
import fireLosses from "../conformance/kinds/fire_losses.js";
import { deviceDecorrelation } from "../support/device-decorrelation.js";

const test = suite("losses");

/** Values in (−1, 1). */
function noise(count: number, seed: number): Float64Array {
  const random = new Mt19937(seed);
  return Float64Array.from({ length: count }, () => random.nextU32() / 2 ** 31 - 1);
}

/**
 * Central differences of every input value against the analytic gradient. With a step of 1e-5 their own error is about
 * 1e-10 of the curvature, and the gradient is rounded to float32 (6e-8 of its size): 2e-6 of the largest covers both.
 */
function checkGradient(inputs: Float64Array[], loss: (inputs: Float64Array[]) => LossAndGradients): number {
  const { gradients } = loss(inputs);
  const step = 1e-5;
  let worst = 0;
  let largest = 0;
  for (const [k, input] of inputs.entries())
    for (let i = 0; i < input.length; i++) {
      const at = (v: number) => {
        const moved = inputs.map((x) => Float64Array.from(x));
        moved[k][i] = v;
        return loss(moved).loss;
      };
      const numeric = (at(input[i] + step) - at(input[i] - step)) / (2 * step);
      worst = Math.max(worst, Math.abs(numeric - gradients[k][i]));
      largest = Math.max(largest, Math.abs(numeric));
    }
  assert.ok(largest > 1e-4, `the gradient is not zero (${largest})`);
  assert.ok(worst <= 2e-6 * largest, `worst difference ${worst} beside gradients up to ${largest}`);
  return worst;
}

const close = (got: number, want: number, tolerance = 5e-8) =>
  assert.ok(Math.abs(got - want) <= tolerance, `${got} for ${want}`);

test("the worked values of the specification", () => {
  const maps = [
    [1, 0, 0, 0, 0, 1, 0, 0],
    [1, 1, 0, 0, 0, 1, 0, 0],
  ].map((m) => Float64Array.from(m));
  close(decorrelationLoss(maps, 2, 0.1).loss, 0.07071068);
  const tuple = [
    [1, 0],
    [0.6, 0.8],
    [0.8, 0.6],
    [0, 1],
  ].map((v) => Float64Array.from(v));
  close(contrastiveLoss(tuple, 1.1).loss, 0.5092988);
});

test("the gradient of the contrastive loss is that of finite differences", () => {
  const tuple = [1, 2, 3, 4, 5].map((seed) => noise(12, seed).map((v) => v * 0.3));
  checkGradient(tuple, (x) => contrastiveLoss(x, 0.9));
});

test("a negative outside the margin has neither loss nor gradient", () => {
  const tuple = [
    [0, 0],
    [0.1, 0],
    [3, 0],
  ].map((v) => Float64Array.from(v));
  const { loss, gradients } = contrastiveLoss(tuple, 1);
  close(loss, 0.005, 1e-6);
  assert.equal([...gradients[2]], [0, 0]);
});

test("vectors at distance zero have a finite gradient", () => {
  const tuple = [
    [0, 0],
    [0, 0],
    [1e-6, 1e-6],
  ].map((v) => Float64Array.from(v));
  for (const g of contrastiveLoss(tuple, 1).gradients) assert.ok(g.every(Number.isFinite));
});

test("the gradient of the decorrelation loss is that of finite differences, maps of different size in one tuple", () => {
  const maps = [noise(5 * 6, 1), noise(5 * 9, 2), noise(5 * 2, 3)].map((m) => m.map((v) => Math.abs(v) + 0.05));
  checkGradient(maps, (x) => decorrelationLoss(x, 5, 0.1));
});

test("the decorrelation loss is the mean cosine of distinct rows, and nothing for one row", () => {
  const map = noise(4 * 7, 9).map(Math.abs);
  const { unit } = normaliseRows(map, 7);
  let cosines = 0;
  for (let a = 0; a < 4; a++)
    for (let b = 0; b < 4; b++) if (a !== b) for (let l = 0; l < 7; l++) cosines += unit[a * 7 + l] * unit[b * 7 + l];
  close(decorrelationLoss([map], 4, 1).loss, cosines / 12, 1e-12);
  assert.is(decorrelationLoss([map], 1, 1).loss, 0);
});

test("the device gives the same loss and gradients: maps as attention is, rows of zeros, one template", async () => {
  const device = await openDevice();
  const attention = noise(7 * 90, 4).map((v) => Math.exp(3 * v));
  // of zeros, and shorter than the least length that is divided by
  attention.fill(0, 90, 180);
  for (let i = 180; i < 270; i++) attention[i] *= 1e-16;
  for (const [maps, templates] of [
    [[attention, noise(7 * 5, 5), noise(7 * 33, 6)], 7],
    [[noise(12, 7)], 1],
  ] as const) {
    const want = decorrelationLoss(maps, templates, 0.1);
    const got = await deviceDecorrelation(device, maps, templates, 0.1);
    close(got.loss, want.loss, 1e-7);
    for (const [k, map] of want.gradients.entries())
      for (let at = 0; at < map.length; at += map.length / templates) {
        const row = map.subarray(at, at + map.length / templates);
        const largest = row.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        row.forEach((v, i) => {
          close(got.gradients[k][at + i], v, 2e-6 * largest);
        });
      }
  }
  assert.is(device.liveBytes, 0);
  device.close();
});

/** Features whose positive is near its query, so that matches exist; the negatives are anywhere. */
function features(n: number, dim: number, seed: number): Float64Array[] {
  const query = noise(n * dim, seed);
  const shift = noise(n * dim, seed + 1);
  return [query, query.map((v, i) => v + 0.3 * shift[i]), noise(n * dim, seed + 2), noise(n * dim, seed + 3)];
}

test("the gradient of the super-feature loss is that of finite differences, through the normalisation of rows", () => {
  const inputs = features(8, 6, 5);
  const { matches } = superfeatureLoss(inputs, 6, { margin: 1.1, weight: 0.7 });
  assert.ok(matches.ids.length >= 3, `${matches.ids.length} matches`);
  checkGradient(inputs, (x) => superfeatureLoss(x, 6, { margin: 1.1, weight: 0.7 }));
});

test("the loss does not change when features are scaled, and its gradient is across them", () => {
  const inputs = features(8, 6, 5);
  const options = { margin: 1.1, weight: 1 };
  const once = superfeatureLoss(inputs, 6, options);
  close(
    superfeatureLoss(
      inputs.map((x) => x.map((v) => 4 * v)),
      6,
      options,
    ).loss,
    once.loss,
    1e-12,
  );
  for (const [k, g] of once.gradients.entries())
    for (let r = 0; r < 8; r++) {
      let along = 0;
      for (let i = r * 6; i < r * 6 + 6; i++) along += g[i] * inputs[k][i];
      close(along, 0, 1e-6);
    }
});

test("the published ratio test divides by a row number, the textbook one by a distance", () => {
  // Four orthogonal templates: the second nearest is the first other row, so row 0 wins and only its own column passes.
  const eye = Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const turned = eye.map((v, i) => v + (i % 4 === 3 ? 0.2 : 0));
  const published = matchSuperfeatures(eye, turned, 4);
  assert.equal([...published.secondQuery], [3, 3, 3, 0]);
  assert.equal([...published.ids], [0, 1, 2]);
  assert.is(published.ratio[3], Number.POSITIVE_INFINITY);
  assert.equal([...matchSuperfeatures(eye, turned, 4, "distance").ids], [0, 1, 2, 3]);
});

test("the gradient of the loss of a batch of pairs is that of finite differences", () => {
  const inputs = Array.from({ length: 6 }, (_, i) => noise(3 * 5, 40 + i));
  checkGradient(inputs, (x) => batchContrast(x, 5, { weight: 0.3, temperature: 0.2 }));
});

test("a batch of pairs: chance where all are alike, nothing where each pair stands alone", () => {
  const options = { weight: 1, temperature: 0.05 };
  const [x, y] = [Float64Array.of(1, 0, 3, 0), Float64Array.of(0, 2, 0, 1)];
  // two super-features of four pairs, each at chance
  close(batchContrast([x, x, x, x, x, x, x, x], 2, options).loss, 2 * 4 * Math.log(4), 1e-12);
  close(batchContrast([x, x, y, y], 2, options).loss, 2 * 2 * Math.log(1 + Math.exp(-20)), 1e-12);
});

test("without matches loss and gradients are zero", () => {
  const [query] = features(1, 6, 5);
  const { loss, gradients, matches } = superfeatureLoss([query, query, query], 6, { margin: 1, weight: 1 });
  assert.is(matches.ids.length, 0);
  assert.is(loss, 0);
  assert.ok(gradients.every((g) => g.every((v) => v === 0)));
});

test("images with different numbers of super-features are refused", () => {
  assert.throws(() => matchSuperfeatures(new Float64Array(8), new Float64Array(4), 4), /in the query \(2\), got 1/);
});

const golden = join(packageRoot(), "..", "shared", "golden");
for (const name of ["fire_losses__superfeature_some_matches", "fire_losses__decorrelation_a"]) {
  const dir = join(golden, name);
  if (!existsSync(dir)) console.log(`skipped: ${name}, no ../shared/golden`);
  else
    test(`${name} as the reference computed it`, async () => {
      const bad = (await fireLosses(new GoldenCase(dir))).filter((c) => !c.ok);
      assert.equal(bad, []);
    });
}

test.run();
