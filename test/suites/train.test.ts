/** @file Training from end to end with a toy network: files, kills and resume, best epoch, what stops it, estimates. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FireGpuError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { type PyDict, plain } from "../../formats/python.js";
import { readTorch } from "../../formats/torch.js";
import { parseNetParams } from "../../nets/params.js";
import { openCheckpoint } from "../../nets/weights/checkpoint.js";
import { startState } from "../../nets/weights/start.js";
import { loadTrainConfig } from "../../tasks/config/load.js";
import { parseSet } from "../../tasks/config/override.js";
import { Interrupted, type Progress, silent } from "../../tasks/progress.js";
import type { OnError } from "../../tasks/skips.js";
import { bestEpoch, emptyHistory, isDue } from "../../tasks/train/history.js";
import { addStep, addTuple, isPrinted, noSums, trainLine } from "../../tasks/train/meter.js";
import { runTraining } from "../../tasks/train/run.js";
import { rateAt, trainSettings } from "../../tasks/train/settings.js";
import { findStart } from "../../tasks/train/start.js";
import { REDUCED, type ToyFaults, toyTrainTools, writeToyTraining } from "../support/toy-training.js";

const test = suite("train");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-train-"));
test.after(() => rmSync(root, { recursive: true }));

let pristine: string;
let made = 0;
test.before(async () => {
  pristine = join(root, "pristine");
  await writeToyTraining(pristine);
});

/** A fresh copy of the toy data; photos keep their times. */
function fresh(): { folder: string; config: string; experiment: string } {
  const folder = join(root, `run${made++}`);
  cpSync(pristine, folder, { recursive: true, preserveTimestamps: true });
  const config = join(folder, "toy_train.yml");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(pristine, folder));
  return { folder, config, experiment: join(folder, "experiments", "toy_train") };
}

interface Run {
  sets?: string[];
  faults?: ToyFaults;
  signal?: AbortSignal;
  dryRun?: boolean;
  onError?: OnError;
  progress?: Progress;
}

/** Runs the toy training; notes are what the user would read. */
async function run(config: string, { sets = [], faults, signal, dryRun, onError, progress }: Run = {}) {
  const notes: string[] = [];
  const tools = toyTrainTools(0, faults);
  const told = progress ?? { ...silent, note: (line: string) => notes.push(line) };
  const options = { config, overrides: sets.map(parseSet), progress: told, signal, dryRun, onError };
  const result = await runTraining(options, tools);
  return { result, notes, trainer: tools.trainers[0] };
}

async function failure(config: string, options: Run = {}): Promise<FireGpuError> {
  try {
    await run(config, options);
  } catch (error) {
    assert.instance(error, FireGpuError, String(error));
    assert.not.match((error as Error).message, /\n/);
    return error as FireGpuError;
  }
  return assert.unreachable("expected an error") as never;
}

/** Everything that must be the same in two runs of the same training: checkpoints to the byte, metrics without times. */
function comparable(experiment: string): unknown {
  const epochs = join(experiment, "epochs");
  const files = readdirSync(epochs).sort();
  const metrics = readFileSync(join(experiment, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const { seconds: _, imagesPerSecond: __, ...rest } = JSON.parse(line);
      return rest;
    });
  return { files, bytes: files.map((f) => readFileSync(join(epochs, f)).toString("base64")), metrics };
}

test("a training mines, steps, validates, and leaves its files", async () => {
  const { config, experiment } = fresh();
  const { result, notes, trainer } = await run(config);
  assert.is(result.alreadyTrained, false);
  // 12 tuples an epoch, batches of 5: two steps, two tuples dropped.
  assert.is(trainer.tuples, 4 * 10);
  assert.is(trainer.steps, 8);
  assert.ok(trainer.destroyed);
  assert.equal(readdirSync(join(experiment, "epochs")).sort(), ["model_best.pth", "model_epoch4.pth"]);
  for (const name of ["train.log", "train_params.yml", "metrics.jsonl", "curves.html", "toy_queries.pkl"])
    assert.ok(existsSync(join(experiment, name)), name);
  assert.not.ok(existsSync(join(experiment, "cache", "mining")), "descriptors of old weights are not kept");
  assert.not.ok(existsSync(join(experiment, "cache", "validation")));
  const losses = result.history?.trainLoss.map(([, v]) => v) ?? [];
  assert.ok(losses[3] < losses[0], `the loss falls: ${losses}`);
  assert.equal(
    result.history?.local.toy.map(([e]) => e),
    [2, 4],
  );
  assert.ok(notes.some((n) => /^>> Train: \[4\]\[2\/2\]\tTime [\d.]{5} \([\d.]{5}\)\tData .*\tLoss /.test(n)));
  assert.ok(notes.some((n) => /^Epoch 4 finished in \d+\.\ds$/.test(n)));
  const log = readFileSync(join(experiment, "train.log"), "utf8");
  assert.match(log, /INFO: Initializing network whitening\n.*DEBUG: Network whitening initialized in \d+\.\ds/);
  const html = readFileSync(join(experiment, "curves.html"), "utf8");
  assert.match(html, /<h2>Training loss<\/h2>[\s\S]*<h2>Validation mAP, percent<\/h2>/);
  assert.is(html.match(/<circle/g)?.length, 4 + 2 + 4);
  assert.not.match(html, /NaN|undefined|src=|href=/);
});

test("checkpoints hold what the reference's hold and are opened like its own", async () => {
  const { config, experiment } = fresh();
  await run(config, { sets: ["validation.local_descriptor.frequency=null"] });
  const checkpoint = openCheckpoint(join(experiment, "epochs", "model_epoch4.pth"));
  assert.is(checkpoint.kind, "fire");
  assert.is(checkpoint.version, "fire/2021");
  assert.is(checkpoint.epoch, 4);
  assert.equal(checkpoint.meta, { architecture: "resnet18", backbone_dim: 8, outputdim: REDUCED, corercf_size: 16 });
  assert.is(parseNetParams(checkpoint.netParams, "x").lit?.N, 4);
  assert.is(checkpoint.netParams?.pretrained, null);
  const root_ = checkpoint.root as PyDict;
  assert.equal(
    [...root_.keys()],
    ["epoch", "meta", "state_dict", "optimizer", "best_score", "scores", "net_params", "_version"],
  );
  assert.is((root_.get("state_dict") as PyDict).type, "OrderedDict");
  const whitening = checkpoint.stateDict.get("dim_reduction.weight");
  assert.ok(whitening);
  assert.equal(whitening.shape, [REDUCED, 8, 1, 1]);
  assert.ok(
    (whitening.data as Float32Array).some((v) => v !== 0),
    "the whitening was initialised",
  );
  const { state, param_groups: groups } = plain(root_.get("optimizer") as PyDict) as {
    state: Map<number, { step: number; exp_avg: { shape: number[] } }>;
    param_groups: { lr: number; initial_lr: number; params: number[]; weight_decay: number; betas: number[] }[];
  };
  assert.equal(
    groups.map((g) => g.params),
    [[0], [], [], [1]],
  );
  assert.equal(
    groups.map((g) => g.initial_lr),
    [0.05, 0.05, 0.05, 0],
  );
  // The scheduler has stepped after the fourth epoch.
  assert.is(groups[0].lr, 0.05 * 0.99 * 0.99 * 0.99 * 0.99);
  assert.is(groups[3].lr, 0);
  assert.equal([groups[0].weight_decay, ...groups[0].betas], [1e-4, 0.9, 0.999]);
  assert.is(state.get(0)?.step, 8);
  assert.equal(state.get(0)?.exp_avg.shape, [8]);
  const scores = checkpoint.scores as { train_loss: [number, number][] };
  assert.equal(
    scores.train_loss.map(([e]) => e),
    [1, 2, 3, 4],
  );
  const best = openCheckpoint(join(experiment, "epochs", "model_best.pth"));
  const least = scores.train_loss.reduce((a, b) => (b[1] < a[1] ? b : a));
  assert.is(best.epoch, least[0]);
  assert.is(best.bestScore, least[1]);
});

test("a training killed again and again ends with the same bytes as an undisturbed one", async () => {
  const whole = fresh();
  await run(whole.config);
  const killed = fresh();
  const stages: [string, number][] = [
    ["whitening", 3],
    ["mining 1", 5],
    ["training 1", 12],
    ["mining 2", 20],
    ["training 2", 4],
    ["codebook", 2],
    ["toy database", 3],
    ["training 4", 21],
    ["toy queries", 1],
  ];
  for (const [stage, count] of stages) await killAfter(killed.config, stage, count);
  const { notes } = await run(killed.config);
  assert.ok(
    notes.some((n) => /^Continuing in epoch 4 at its end$/.test(n)),
    notes.join("\n"),
  );
  assert.equal(comparable(killed.experiment), comparable(whole.experiment));
});

/** Starts the training as a process and kills it hard after `count` images of a stage. */
async function killAfter(config: string, stage: string, count: number): Promise<void> {
  const script = join(packageRoot(), "dist/test/support/toy-training.js");
  const child = spawn(process.execPath, [script, config, "10"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.on("close", (_, signal) => done(signal)));
  let seen = 0;
  for await (const line of createInterface(child.stdout))
    if (line.startsWith(`+ ${stage}`)) {
      seen += stage.startsWith("training") ? 4 : 1;
      if (seen >= count) child.kill("SIGKILL");
    }
  assert.is(await ended, "SIGKILL", `never reached ${stage}`);
}

test("mining that was interrupted continues with the descriptors it had", async () => {
  const { config, experiment } = fresh();
  await killAfter(config, "mining 1", 7);
  const shard = join(experiment, "cache", "mining", "000000.shard");
  const kept = readFileSync(shard).length;
  assert.ok(kept > 48 + 7 * 16, `${kept} bytes`);
  let first = -1;
  const progress: Progress = {
    note() {},
    warn() {},
    stage(label, _, done = 0) {
      if (label === "mining 1") first = done;
      return { advance() {}, end() {} };
    },
  };
  await run(config, { progress });
  assert.ok(first >= 6, `continued after ${first} images`);
});

test("the signal stops between tuples with the last step saved, and the next run ends alike", async () => {
  const whole = fresh();
  await run(whole.config);
  const stopped = fresh();
  const controller = new AbortController();
  let tuples = 0;
  const progress: Progress = {
    note() {},
    warn() {},
    // The sixth tuple is the first of the second step.
    stage: (label) => ({ advance: () => label === "training 2" && ++tuples === 6 && controller.abort(), end() {} }),
  };
  const error = await failure(stopped.config, { signal: controller.signal, progress });
  assert.instance(error, Interrupted);
  assert.not.ok(existsSync(join(stopped.experiment, "lock")), "the experiment is free again");
  const { notes } = await run(stopped.config);
  assert.ok(notes.includes("Continuing in epoch 2 after iteration 1"), notes.join("\n"));
  assert.equal(comparable(stopped.experiment), comparable(whole.experiment));
});

test("a finished training is skipped, and goes on when more epochs are asked for", async () => {
  const { config, experiment } = fresh();
  await run(config, { sets: ["training.epochs=2"] });
  const { result, notes, trainer } = await run(config, { sets: ["training.epochs=2"] });
  assert.ok(result.alreadyTrained);
  assert.equal(notes, ["Skipping network training, already trained"]);
  assert.is(trainer, undefined, "no device was opened");
  await run(config);
  const whole = fresh();
  await run(whole.config);
  const last = "epochs/model_epoch4.pth";
  assert.equal(readFileSync(join(experiment, last)), readFileSync(join(whole.experiment, last)));
});

test("a training does not go on with other settings", async () => {
  const { config } = fresh();
  await run(config, { sets: ["training.epochs=1"] });
  const error = await failure(config, {
    sets: ["training.optimizer.lr=0.1", "validation.local_descriptor.frequency=0"],
  });
  assert.is(error.exitCode, 2);
  assert.match(error.message, /training\.optimizer\.lr \(0\.05 before, 0\.1 now\); set them back/);
  assert.not.match(error.message, /validation/);
});

test("a loss that is no number stops the training, names the tensor, and keeps the last good state", async () => {
  const { config, experiment } = fresh();
  const error = await failure(config, { faults: { nanAt: 18 } });
  assert.is(error.exitCode, 6);
  assert.match(error.message, /features\.0\.weight .* epoch 2, iteration 2; the state after epoch 2, iteration 1 /);
  assert.is(openCheckpoint(join(experiment, "epochs", "model_best.pth")).epoch, 1);
  const whole = fresh();
  await run(whole.config);
  // The fault was the toy's, so going on ends well.
  await run(config);
  assert.equal(comparable(experiment), comparable(whole.experiment));
});

test("a loss that runs away stops the training; weights that are no numbers are never saved", async () => {
  const { config, experiment } = fresh();
  const error = await failure(config, { faults: { explodeAt: 14 } });
  assert.is(error.code, "LossExploded");
  assert.match(error.message, /the mean before was 0\.\d+; lower training\.optimizer\.lr — epoch 2, iteration 1; /);
  assert.is(openCheckpoint(join(experiment, "epochs", "model_best.pth")).epoch, 1);
  const other = fresh();
  const nan = await failure(other.config, { sets: ["training.optimizer.lr=1.e+39"] });
  assert.is(nan.exitCode, 6);
  assert.match(nan.message, /features\.0\.weight after the last step: value \d+ of \d+ is (NaN|-?Infinity)/);
  const state = readTorch(join(other.experiment, "train_state.pth")).root as PyDict;
  assert.equal(JSON.parse(state.get("about") as string).step, 0);
});

test("an epoch 0 of validation alone comes first where it is asked for", async () => {
  const { config, experiment } = fresh();
  const { result, trainer } = await run(config, { sets: ["validation.at_start=true"] });
  const validated = Object.values(result.history?.local ?? {})[0].map(([epoch]) => epoch);
  assert.is(validated[0], 0);
  assert.is(result.history?.trainLoss[0][0], 1);
  assert.ok(existsSync(join(experiment, "epochs", "model_epoch0.pth")));
  const plain = fresh();
  const { trainer: other } = await run(plain.config);
  assert.equal(await trainer.stateDict(), await other.stateDict(), "the training itself is the same");
});

test("negatives from the batch: all pairs of a batch are given to the loss at once", async () => {
  const { config } = fresh();
  const sets = ["training.loss_superfeature.negatives=batch", "training.loader.batch_size=4"];
  assert.match((await failure(config, { sets })).message, /nnum/);
  const { trainer } = await run(config, { sets: [...sets, "training.dataset.nnum=0", "training.epochs=1"] });
  assert.is(trainer.tuples, trainer.steps);
});

test("a dry run measures and estimates, and writes nothing", async () => {
  const { config, experiment } = fresh();
  const { result } = await run(config, { dryRun: true });
  const { estimate } = result;
  assert.ok(estimate);
  assert.is(estimate.mining.images, 12 + 14);
  assert.equal([estimate.training.steps, estimate.training.images], [2, 40]);
  assert.is(estimate.whitening.images, 8);
  assert.is(estimate.deviceBytes, 12345);
  assert.ok(estimate.epochSeconds > 0 && estimate.totalSeconds > 4 * estimate.epochSeconds);
  assert.ok(estimate.stateBytes > 0 && estimate.miningBytes > 0);
  assert.not.ok(existsSync(experiment));
});

test("epochs: 0 writes the off-the-shelf network as best and last", async () => {
  const { config, experiment } = fresh();
  await run(config, { sets: ["training.epochs=0"] });
  const zero = openCheckpoint(join(experiment, "epochs", "model_epoch0.pth"));
  assert.is(zero.epoch, 0);
  assert.ok((zero.root as PyDict).has("scheduler"));
  assert.equal(
    readFileSync(join(experiment, "epochs", "model_best.pth")),
    readFileSync(join(experiment, "epochs", "model_epoch0.pth")),
  );
});

test("what does not fit is told before the work", async () => {
  const { config, folder } = fresh();
  const batch = await failure(config, { sets: ["training.loader.batch_size=13"] });
  assert.match(batch.message, /12 tuples has no full batch of 13/);
  const clusters = await failure(fresh().config, { sets: ["training.dataset.nnum=4"] });
  assert.match(clusters.message, /images of 4 clusters .* got 3/);
  const few = await failure(fresh().config, {
    sets: ["training.initialize_dim_reduction.features_num=1", "training.initialize_dim_reduction.images=2"],
  });
  assert.match(few.message, /at least 5 descriptors, got 2/);
  rmSync(join(folder, "train", "scene2", "1.png"));
  writeFileSync(
    join(folder, "train.csv"),
    "image,cluster\ntrain/scene2/1.png,a\ntrain/scene2/2.png,a\ntrain/scene1/1.png,b\n",
  );
  const missing = await failure(config, { onError: "stop", sets: [`training.dataset.images=${folder}/train.csv`] });
  assert.match(missing.message, /1 of 3 images are missing.*1\.png/);
});

test("the best epoch is by local mAP once there is one, then by global, else by loss; the earliest of equals", () => {
  const never = { frequency: null, datasets: ["val_eccv20"] };
  const often = { frequency: 2, datasets: ["roxford5k", "val_eccv20"] };
  const history = {
    ...emptyHistory,
    trainLoss: [
      [1, 0.5],
      [2, 0.3],
      [3, 0.3],
      [4, 0.4],
    ] as const,
  };
  assert.is(bestEpoch(emptyHistory, often, never), null);
  assert.equal(bestEpoch(history, often, never), { by: "training loss", epoch: 2, value: 0.3 });
  const global = { ...history, global: { val_eccv20: [[2, 0.6] as const, [4, 0.6] as const] } };
  assert.is(bestEpoch(global, never, never)?.by, "training loss");
  assert.equal(bestEpoch(global, often, often), { by: "global mAP of val_eccv20", epoch: 2, value: 0.6 });
  const local = {
    ...global,
    local: { val_eccv20: [[2, 0.7] as const, [4, 0.8] as const], roxford5k: [[2, 0.9] as const] },
  };
  assert.equal(bestEpoch(local, often, often), { by: "local mAP of val_eccv20", epoch: 4, value: 0.8 });
  const own = { frequency: 2, datasets: ["mine", "other"] };
  assert.is(bestEpoch({ ...history, local: { other: [[2, 1]], mine: [[4, 0.1]] } }, own, never)?.epoch, 4);
  assert.equal(
    [isDue(often, 2), isDue(often, 3), isDue(never, 2), isDue({ frequency: 0, datasets: ["a"] }, 2)],
    [true, false, false, false],
  );
  assert.not.ok(isDue({ frequency: 1, datasets: [] }, 1));
});

test("the learning rate is multiplied after each epoch, and train lines look like the reference's", () => {
  const rates = [1, 2, 3, 4, 5].map((e) => rateAt({ rate: 3e-5, gamma: 0.99 }, e));
  for (const [i, want] of [3e-5, 2.97e-5, 2.9403e-5, 2.910897e-5, 2.88178803e-5].entries())
    assert.ok(Math.abs(rates[i] - want) < 1e-18);
  let sums = addTuple(noSums, { total: 0.3, terms: { superfeature: 0.1, attention: 0.2 } });
  sums = addStep(addTuple(sums, { total: 0.5, terms: { superfeature: 0.2, attention: 0.3 } }), 1.5, 0.25);
  const last = { total: 0.5, terms: { superfeature: 0.2, attention: 0.3 } };
  assert.is(
    trainLine(7, 400, sums, { last, stepSeconds: 1.5, dataSeconds: 0.25 }),
    ">> Train: [7][1/400]\tTime 1.500 (1.500)\tData 0.250 (0.250)\tLoss 0.5000 (0.4000)\tLossSuper 0.2000 (0.1500)\tLossAttn 0.3000 (0.2500)",
  );
  const how = trainLine(1, 2, addStep(addTuple(noSums, { total: 1, terms: { contrastive: 1 } }), 1, 0), {
    last: { total: 1, terms: { contrastive: 1 } },
    stepSeconds: 1,
    dataSeconds: 0,
  });
  assert.match(how, /Loss 1\.0000 \(1\.0000\)$/);
  assert.equal(
    [1, 2, 19, 20, 21, 40, 41].filter((i) => isPrinted(i, 41)),
    [1, 20, 40, 41],
  );
});

test("bundled training files become settings with the published values", () => {
  const fire = loadTrainConfig("train_fire").params;
  assert.ok(fire.family === "fire");
  const settings = trainSettings(fire.fire);
  assert.is(settings.kind, "fire");
  assert.equal(settings.loss, {
    kind: "fire",
    superfeature: { margin: 1.1, weight: 0.02, ratioTest: "index" },
    attention: { weight: 0.1 },
  });
  assert.equal([settings.rate, settings.optimiser.weightDecay, settings.flip, settings.epochs], [3e-5, 1e-4, 0.5, 200]);
  const how = loadTrainConfig("train_how_r18").params;
  assert.ok(how.family === "how");
  const other = trainSettings(how.how);
  assert.equal([other.kind, other.rate, other.flip, other.epochs], ["how", 5e-6, 0, 20]);
  assert.equal(other.loss, { kind: "how", margin: 0.8 });
  const tiny = loadTrainConfig("train_fire_tiny").params;
  assert.ok(tiny.family === "fire" && tiny.fire.model.pretrained === null);
});

test("first weights are those of the file, of torchvision, or random with activations kept in size", async () => {
  const fetched: string[] = [];
  const download = async (url: string, path: string) => {
    fetched.push(`${url} → ${path}`);
  };
  assert.is(await findStart(null, "resnet18", root, download), null);
  assert.is(await findStart(false, "resnet18", root, download), null);
  assert.match(String(await findStart(true, "resnet18", root, download)), /pretraining\/resnet18-5c106cde\.pth$/);
  assert.equal(fetched, [
    "https://download.pytorch.org/models/resnet18-5c106cde.pth → pretraining/resnet18-5c106cde.pth",
  ]);
  const params = parseNetParams({ architecture: "resnet18", skip_layer: 1, dim_reduction: { dim: 16 } }, "x");
  const { state, initialised } = startState("how", params, null, 5);
  assert.equal(initialised, ["features", "dim_reduction"]);
  const again = startState("how", params, null, 5).state;
  assert.equal(state.get("features.6.1.conv2.weight")?.data, again.get("features.6.1.conv2.weight")?.data);
  const conv = state.get("features.5.0.conv2.weight")?.data as Float32Array;
  const deviation = Math.sqrt(conv.reduce((s, v) => s + v * v, 0) / conv.length);
  assert.ok(Math.abs(deviation / Math.sqrt(2 / (128 * 9)) - 1) < 0.02, `${deviation}`);
  // Six blocks below the dropped stage.
  assert.ok(Math.abs(Number(state.get("features.4.0.bn2.weight")?.data[0]) - 6 ** -0.5) < 1e-7);
});

test("a start file's tensors are taken by name, a bare trunk's by position, and other files are refused", () => {
  const file = join(packageRoot(), "..", "shared", "data", "checkpoints", "how_r18s1.pth");
  if (!existsSync(file)) {
    console.log("skipped: no ../shared/data/checkpoints");
    return;
  }
  const checkpoint = openCheckpoint(file);
  const params = parseNetParams(checkpoint.netParams, file);
  const { state, initialised } = startState("how", params, checkpoint, 0);
  assert.equal(initialised, []);
  assert.equal([...state.keys()], [...checkpoint.stateDict.keys()]);
  const named = [...checkpoint.stateDict]
    .filter(([name]) => name.startsWith("features."))
    .map(([name, t]) => [torchvisionName(name), t] as const);
  const trunk = {
    ...checkpoint,
    kind: "trunk" as const,
    stateDict: new Map([...named, ["fc.bias", named[0][1]] as const]),
  };
  const fromTrunk = startState("how", params, trunk, 0);
  assert.equal(fromTrunk.initialised, ["dim_reduction"]);
  assert.equal(fromTrunk.state.get("features.5.0.downsample.1.bias"), state.get("features.5.0.downsample.1.bias"));
  const short = { ...trunk, stateDict: new Map(named.slice(5)) };
  assert.throws(() => startState("how", params, short, 0), /missing: features\.0\.weight/);
  assert.throws(() => startState("how", params, { ...trunk, kind: "unknown" }, 0), /expected a FIRe or HOW checkpoint/);
});

function torchvisionName(name: string): string {
  const [, at, ...rest] = name.split(".");
  return [["conv1", "bn1", "", "", "layer1", "layer2", "layer3", "layer4"][Number(at)], ...rest].join(".");
}

test.run();
