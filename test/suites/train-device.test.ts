/** @file Training on the device there is: a one-stage FIRe from nothing, stopped and continued, ends with the same bytes. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../engine/device.js";
import { loadNetwork } from "../../nets/load.js";
import { fireTrainer } from "../../nets/train/fire-trainer.js";
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

test.run();
