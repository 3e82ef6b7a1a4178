/** @file Training on the device there is: a one-stage FIRe from nothing, stopped and continued, ends with the same bytes. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../engine/device.js";
import { loadNetwork } from "../../nets/load.js";
import { parseNetParams, runtimeOf } from "../../nets/params.js";
import { fireTrainer } from "../../nets/train/fire-trainer.js";
import { initialState } from "../../nets/weights/initial.js";
import { parseSet } from "../../tasks/config/override.js";
import { Interrupted, type Progress, silent } from "../../tasks/progress.js";
import { openWorkbench } from "../../tasks/train/device-workbench.js";
import { runTraining } from "../../tasks/train/run.js";
import { generatedPhoto, generatedState, netParams } from "../support/generated-network.js";
import { REDUCED, writeToyTraining } from "../support/toy-training.js";

const test = suite("train on device");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-train-device-"));
test.after(() => rmSync(root, { recursive: true }));

const SETS = [
  "training.epochs=2",
  "training.optimizer.lr=1.e-3",
  "training.dataset.qsize=6",
  "training.loader.batch_size=2",
  "validation.local_descriptor.frequency=null",
  // conv1 and layer1 only: 64 channels
  "model.skip_layer=3",
  "model.lit.dim=64",
];

async function train(config: string, progress: Progress = silent, signal?: AbortSignal) {
  const tools = {
    open: (gpuId: number | null) => openWorkbench({}, gpuId),
    download: async () => assert.unreachable("no download in this test"),
  };
  return runTraining({ config, overrides: SETS.map(parseSet), progress, signal }, tools);
}

/** A copy of the toy data with its configuration. */
function copy(pristine: string, name: string): { config: string; epochs: string } {
  const folder = join(root, name);
  cpSync(pristine, folder, { recursive: true });
  const config = join(folder, "toy_train.yml");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(pristine, folder));
  return { config, epochs: join(folder, "experiments", "toy_train", "epochs") };
}

test("a training that is stopped and continued equals an undisturbed one, and its network loads", async () => {
  const pristine = join(root, "pristine");
  await writeToyTraining(pristine);
  const whole = copy(pristine, "whole");
  const { history } = await train(whole.config);
  const losses = history?.trainLoss.map(([, v]) => v) ?? [];
  assert.is(losses.length, 2);
  assert.ok(
    losses.every((v) => v > 0 && Number.isFinite(v)),
    `${losses}`,
  );

  const stopped = copy(pristine, "stopped");
  const controller = new AbortController();
  let tuples = 0;
  const progress: Progress = {
    note() {},
    warn() {},
    stage: (label) => ({ advance: () => label === "training 1" && ++tuples === 3 && controller.abort(), end() {} }),
  };
  try {
    await train(stopped.config, progress, controller.signal);
    assert.unreachable("expected an interruption");
  } catch (error) {
    assert.instance(error, Interrupted);
  }
  await train(stopped.config);
  const bytes = (epochs: string) => readFileSync(join(epochs, "model_epoch2.pth"));
  assert.ok(bytes(stopped.epochs).equals(bytes(whole.epochs)), "not bit for bit the same");

  const device = await openDevice();
  try {
    const network = loadNetwork(device, join(whole.epochs, "model_best.pth"));
    const image = { width: 48, height: 40, data: new Uint8Array(48 * 40 * 3).map((_, i) => (i * 31) % 251) };
    const { dim, descriptors } = await network.extractLocal(image, { scales: [1], featuresNum: null });
    assert.is(dim, REDUCED);
    assert.ok(descriptors.every(Number.isFinite));
    network.destroy();
  } finally {
    device.close();
  }
});

test("a step like the one before makes no bind groups, takes no memory, and begins a tuple with the weights it left", async () => {
  const device = await openDevice();
  const params = netParams({ skip_layer: 3, lit: { T: 2, N: 8, dim: 64 } });
  const losses = { superfeature: { margin: 1.1, weight: 0.02 }, attention: { weight: 0.1 } };
  const trainer = fireTrainer(device, generatedState("fire", params), params, "test", losses);
  const adam = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 } as const;
  const tuple = [1, 1, 2].map((seed) => generatedPhoto(48, 40, seed));
  const seen: { total: number; made: number; held: number }[] = [];
  for (let step = 0; step < 5; step++) {
    const before = device.bindGroups;
    const { total } = await trainer.accumulate(tuple);
    await trainer.step(adam, { features: 1e-3, lit: 1e-3, dim_reduction: 0 });
    seen.push({ total, made: device.bindGroups - before, held: device.heldBytes });
  }
  for (const { made, held } of seen.slice(3)) assert.equal({ made, held }, { made: 0, held: seen[2].held });
  assert.is(new Set(seen.map((s) => s.total)).size, seen.length, "each step changes the loss");
  trainer.destroy();
  assert.is(device.liveBytes, 0);
  device.close();
});

test("a batch whose attention exceeds a binding is divided, and gives the same gradients", async () => {
  const lit = { T: 1, N: 512, dim: 64 };
  const model = parseNetParams({ architecture: "resnet18", skip_layer: 3, dim_reduction: { dim: 32 }, lit }, "test");
  const images = Array.from({ length: 4 }, (_, k) => ({
    width: 64,
    height: 64,
    data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * (31 + k)) % 251),
  }));
  const losses = { superfeature: { temperature: 0.1, weight: 1 }, attention: { weight: 1 } };
  const results: Map<string, Float32Array>[] = [];
  const waits: number[] = [];
  // an image has 256 KiB of the stem and 512 KiB of attention
  for (const maxBinding of [2 ** 23, 1.125 * 2 ** 20]) {
    const device = await openDevice({ maxBinding });
    const trainer = fireTrainer(device, initialState("fire", model, 1), model, "test", losses);
    const read = device.read.bind(device);
    let reads = 0;
    device.read = (...tensors) => {
      reads++;
      return read(...tensors);
    };
    await trainer.accumulate(images);
    waits.push(reads);
    results.push(await trainer.gradients());
    trainer.destroy();
    assert.is(device.liveBytes, 0);
    device.close();
  }
  assert.equal(waits, [1, 2]);
  const largestOf = (values: Float32Array) => values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const largestOfAll = Math.max(...[...results[0].values()].map(largestOf));
  for (const [name, whole] of results[0]) {
    const divided = results[1].get(name)!;
    // that of norm_templates.bias is zero but for rounding
    const allowed = 1e-4 * largestOf(whole) + 1e-7 * largestOfAll;
    assert.ok(
      whole.every((v, i) => Math.abs(v - divided[i]) <= allowed),
      `${name} ${largestOf(whole)} of ${largestOfAll}`,
    );
  }
});

test("photos of any size, as bytes or normalised, give the same loss", async () => {
  const device = await openDevice();
  const params = netParams({ skip_layer: 3, lit: { T: 1, N: 8, dim: 64 } });
  const losses = { superfeature: { margin: 1.1, weight: 1 }, attention: { weight: 1 } };
  const trainer = fireTrainer(device, generatedState("fire", params), params, "test", losses);
  const [mean, std] = runtimeOf(params).meanStd;
  // of 3 · 45 · 37 bytes no second one begins at a multiple of four
  for (const [width, height] of [
    [45, 37],
    [44, 36],
  ]) {
    const photos = [1, 1, 2].map((seed) => generatedPhoto(width, height, seed));
    const normalised = photos.map(({ data }) => {
      const values = new Float32Array(width * height * 4);
      for (const [i, v] of data.entries())
        values[Math.floor(i / 3) * 4 + (i % 3)] = (v / 255 - mean[i % 3]) / std[i % 3];
      return { width, height, data: values };
    });
    const totals: number[] = [];
    for (const images of [photos, normalised]) {
      const pass = await trainer.forwardTuple(images);
      pass.free();
      totals.push(pass.loss.total);
    }
    assert.ok(totals[0] > 0.1 && Math.abs(totals[1] - totals[0]) < 1e-5 * totals[0], `${totals}`);
  }
  trainer.destroy();
  device.close();
});

test.run();
