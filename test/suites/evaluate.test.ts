/** @file Evaluation from end to end with a toy network: results, caches, kills, damage, and what goes wrong. */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FireGpuError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { readPickle } from "../../formats/pickle.js";
import { NdArray, plain } from "../../formats/python.js";
import { parseSet } from "../../tasks/config/override.js";
import { lockFolder } from "../../tasks/evaluate/lock.js";
import { runEvaluation } from "../../tasks/evaluate/run.js";
import { Interrupted, type Progress, silent } from "../../tasks/progress.js";
import { SCENES, toyTools, VIEWS, writeToyData } from "../support/toy-evaluation.js";

const DATABASE = SCENES * (VIEWS - 1);
/** Global and local features of database and queries, local ones of 8 images for the codebook. */
const ALL_CALLS = 2 * (DATABASE + SCENES) + 8;

const test = suite("evaluate");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-evaluate-"));
test.after(() => rmSync(root, { recursive: true }));

let pristine: string;
let made = 0;
test.before(async () => {
  pristine = join(root, "pristine");
  await writeToyData(pristine);
});

/** A fresh copy of the toy data; photos keep their times. */
function fresh(): { folder: string; config: string; experiment: string } {
  const folder = join(root, `run${made++}`);
  cpSync(pristine, folder, { recursive: true, preserveTimestamps: true });
  const config = join(folder, "toy.yml");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(pristine, folder));
  return { folder, config, experiment: join(folder, "experiments", "toy") };
}

/** Runs the toy evaluation; notes are what the user would read. */
async function run(config: string, sets: string[] = [], signal?: AbortSignal) {
  const notes: string[] = [];
  const tools = toyTools();
  const progress: Progress = { ...silent, note: (line) => notes.push(line), warn: (line) => notes.push(line) };
  const result = await runEvaluation({ config, overrides: sets.map(parseSet), progress, signal }, tools);
  return { result, notes, calls: tools.networks[0].calls, network: tools.networks[0] };
}

async function failure(config: string, sets: string[] = []): Promise<FireGpuError> {
  try {
    await run(config, sets);
  } catch (error) {
    assert.instance(error, FireGpuError, String(error));
    assert.not.match((error as Error).message, /\n/);
    return error as FireGpuError;
  }
  return assert.unreachable("expected an error") as never;
}

/** Results without what differs between two runs of the same: times and folders. */
function comparable(experiment: string): unknown {
  const text = readFileSync(join(experiment, "results.json"), "utf8");
  const { results } = JSON.parse(text);
  return results.map(({ querySeconds: _, queryTimes: __, ranksFile: ___, ...rest }: Record<string, unknown>) => rest);
}

test("an evaluation ranks scenes, scores three levels and leaves its files", async () => {
  const { config, experiment } = fresh();
  const { result, notes, calls, network } = await run(config);
  assert.is(calls, ALL_CALLS);
  assert.is(network.both, DATABASE + SCENES, "one pass over a photo gives both kinds of descriptors");
  assert.ok(network.destroyed);
  assert.equal(
    result.results.map((r) => r.method),
    ["global", "asmk"],
  );
  const [global, local] = result.results;
  assert.is(local.score?.protocol, "revisited");
  assert.ok(local.score?.protocol === "revisited" && local.score.levels.easy.map > 0.7, "scenes are told apart");
  assert.is(local.score?.protocol === "revisited" && local.score.levels.medium.queries.length, SCENES);
  assert.ok(global.score);
  for (const line of ["Starting global evaluation", "Starting asmk evaluation", "Evaluating 'toy'"]) {
    assert.ok(notes.includes(line), line);
  }
  assert.ok(
    notes.some((n) => /^Evaluated toy: mAP E: \S+, M: \S+, H: \S+$/.test(n)),
    notes.join("\n"),
  );
  assert.ok(notes.some((n) => /^Codebook trained in \d+\.\ds$/.test(n)));
  assert.equal(readdirSync(experiment).sort(), [
    "cache",
    "datasets.json",
    "eval.log",
    "eval_params.yml",
    "results.json",
    "toy_queries.pkl",
  ]);
  const log = readFileSync(join(experiment, "eval.log"), "utf8");
  assert.match(log, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} fire-gpu INFO: /);
  assert.match(log, /DEBUG: IVF stats: /);
});

test("the results pickle is the reference's: 64-bit ranks of every image, float64 scores", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const file = join(experiment, "toy_queries.pkl");
  const saved = plain(readPickle(readFileSync(file), file)) as Record<string, unknown>;
  const ranks = saved.ranks as NdArray;
  const scores = saved.scores as NdArray;
  assert.instance(ranks, NdArray);
  assert.equal([ranks.dtype, ranks.shape], ["I64", [SCENES, DATABASE]]);
  assert.equal([scores.dtype, scores.shape], ["F64", [SCENES, DATABASE]]);
  const first = [...(ranks.data as BigInt64Array).slice(0, DATABASE)].map(Number).sort((a, b) => a - b);
  assert.equal(
    first,
    Array.from({ length: DATABASE }, (_, i) => i),
  );
  for (let i = 1; i < DATABASE; i++) assert.ok(scores.data[i] <= scores.data[i - 1]);
  assert.type((saved.metadata as { query_avg_time: number }).query_avg_time, "number");
});

test("a second run reuses everything, says so in one line each, and finds the same", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const first = comparable(experiment);
  const { calls, notes } = await run(config);
  assert.is(calls, 0);
  assert.equal(comparable(experiment), first);
  const reused = notes.filter((n) => n.includes("reusing"));
  assert.is(reused.length, 5, notes.join("\n"));
  assert.ok(
    reused.includes(
      `toy database: reusing the features of all ${DATABASE} images (same model, preprocessing, scales and images)`,
    ),
  );
  assert.ok(reused.some((n) => n.startsWith("codebook: reusing 12 words")));
});

test("what changed is extracted anew, and the reason is told", async () => {
  const { config, folder } = fresh();
  await run(config);
  const scales = await run(config, ["evaluation.inference.scales=[1]"]);
  assert.ok(scales.calls > 0);
  assert.ok(
    scales.notes.includes("toy database: extracting anew; changed since the last run: scales"),
    scales.notes.join("\n"),
  );
  writeFileSync(join(folder, "model.pth"), "another toy");
  const model = await run(config);
  assert.is(model.calls, ALL_CALLS);
  assert.ok(model.notes.some((n) => /changed since the last run: model$/.test(n)));
  utimesSync(join(folder, "photos", "scene0_1.png"), 1, 1);
  const photo = await run(config);
  assert.ok(
    photo.notes.some((n) => /^toy database: .*: images$/.test(n)),
    photo.notes.join("\n"),
  );
  assert.ok(photo.notes.some((n) => /^toy queries: reusing/.test(n)));
});

test("a run that is killed continues at the image where it was, with the identical result", async () => {
  const whole = fresh();
  await run(whole.config);
  const killed = fresh();
  const stages = ["toy database (global)", "toy queries (global)", "codebook"];
  let total = 0;
  for (const stage of stages) total += await killAfter(killed.config, stage, 2);
  const { calls, notes } = await run(killed.config);
  // One image a kill may be lost, and computed by each evaluation for itself.
  assert.ok(calls <= 8 + stages.length, `${calls} images were left for the last run`);
  assert.ok(total + calls <= DATABASE + SCENES + 8 + 2 * stages.length, `${total + calls} extractions`);
  assert.ok(
    notes.some((n) => /^codebook: continuing at image \d of 8 images/.test(n)),
    notes.join("\n"),
  );
  assert.equal(comparable(killed.experiment), comparable(whole.experiment));
});

test("a killed run of ASMK alone continues in the database and in the queries", async () => {
  const alone = ({ config }: { config: string }) => {
    const text = readFileSync(config, "utf8");
    writeFileSync(config, text.replace(/global_descriptor: .*/, "global_descriptor: {datasets: []}"));
  };
  const whole = fresh();
  alone(whole);
  await run(whole.config);
  const killed = fresh();
  alone(killed);
  const stages = ["codebook", "toy database", "toy queries"];
  let total = 0;
  for (const stage of stages) total += await killAfter(killed.config, stage, 2);
  const { calls, notes } = await run(killed.config);
  assert.ok(calls < SCENES, `${calls} images were left for the last run`);
  assert.ok(total + calls <= DATABASE + SCENES + 8 + stages.length, `${total + calls} extractions`);
  assert.ok(
    notes.some((n) => /^toy queries: continuing at image \d of 4 images/.test(n)),
    notes.join("\n"),
  );
  assert.equal(comparable(killed.experiment), comparable(whole.experiment));
});

test("what only one of the two evaluations lacks is computed for it alone", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const before = comparable(experiment);
  const cut = (label: string) => {
    const shard = shardOf(experiment, label);
    truncateSync(shard, readFileSync(shard).length - 7);
  };
  cut("toy database");
  const local = await run(config);
  assert.equal([local.calls, local.network.both], [1, 0]);
  cut("toy database (global)");
  const global = await run(config);
  assert.equal([global.calls, global.network.both], [1, 0]);
  cut("toy database");
  cut("toy database (global)");
  const two = await run(config);
  assert.equal([two.calls, two.network.both], [2, 1]);
  assert.equal(comparable(experiment), before);
});

/** Starts the evaluation as a process and kills it hard after `count` images of a stage; returns all images it did. */
async function killAfter(config: string, stage: string, count: number): Promise<number> {
  const script = join(packageRoot(), "dist/test/support/toy-evaluation.js");
  const child = spawn(process.execPath, [script, config, "30"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.on("close", (_, signal) => done(signal)));
  let images = 0;
  let inStage = 0;
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith("+ ") && !line.includes("words")) images++;
    if (line === `+ ${stage}` && ++inStage === count) child.kill("SIGKILL");
  }
  assert.is(await ended, "SIGKILL", `never reached ${stage}`);
  return images;
}

/** The only shard of the cache whose label it is. */
function shardOf(experiment: string, label: string): string {
  const cache = join(experiment, "cache");
  for (const name of readdirSync(cache).filter((n) => n.startsWith("features-"))) {
    const about = JSON.parse(readFileSync(join(cache, name, "about.json"), "utf8"));
    if (about.label === label) return join(cache, name, "000000.shard");
  }
  throw new Error(`no cache of ${label}`);
}

test("a shard whose tail was cut off is continued, not trusted", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const before = comparable(experiment);
  const shard = shardOf(experiment, "toy database");
  const bytes = readFileSync(shard);
  truncateSync(shard, bytes.length - 7);
  const { calls, notes } = await run(config);
  assert.is(calls, 1);
  assert.ok(notes.some((n) => n.startsWith(`toy database: continuing at image ${DATABASE} of`)));
  assert.equal(comparable(experiment), before);
  assert.equal(readFileSync(shard), bytes, "the file is whole again");
});

test("a flipped bit costs the images from there on, and nothing else", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const before = comparable(experiment);
  const shard = shardOf(experiment, "toy database");
  const bytes = readFileSync(shard);
  const record = (bytes.length - 48) / DATABASE;
  const damaged = Buffer.from(bytes);
  damaged[Math.floor(48 + record * 5.5)] ^= 1;
  writeFileSync(shard, damaged);
  const { calls, notes } = await run(config);
  assert.is(calls, DATABASE - 5);
  assert.ok(
    notes.some((n) => n.includes(`damaged after image 5 of ${DATABASE}`)),
    notes.join("\n"),
  );
  assert.equal(comparable(experiment), before);
});

test("files that are no shards, or of another cache, are replaced", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const before = comparable(experiment);
  writeFileSync(shardOf(experiment, "toy database"), "not a shard");
  cpSync(shardOf(experiment, "toy queries"), shardOf(experiment, "toy queries (global)"));
  const { calls } = await run(config);
  assert.is(calls, DATABASE + SCENES);
  assert.equal(comparable(experiment), before);
});

test("a damaged codebook in the cache is reported and trained again", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const before = comparable(experiment);
  const cache = join(experiment, "cache");
  const name = readdirSync(cache).find((n) => n.startsWith("codebook-")) as string;
  const whole = readFileSync(join(cache, name));
  const bytes = Buffer.from(whole);
  bytes[bytes.length - 3] ^= 4;
  writeFileSync(join(cache, name), bytes);
  const { notes } = await run(config);
  assert.ok(
    notes.some((n) => /codebook-.*sha256 \[ChecksumMismatch\]; training the codebook again/.test(n)),
    notes.join("\n"),
  );
  assert.equal(readFileSync(join(cache, name)), whole);
  assert.equal(comparable(experiment), before);
});

test("a given codebook is used instead of training, and must fit the network", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const before = comparable(experiment);
  const cache = join(experiment, "cache");
  const file = join(cache, readdirSync(cache).find((n) => n.startsWith("codebook-")) as string);
  const other = fresh();
  const sets = [
    `evaluation.local_descriptor.codebook=${file}`,
    "evaluation.local_descriptor.codebook_training.dataset=train",
  ];
  const { notes, calls } = await run(other.config, sets);
  assert.is(calls, ALL_CALLS - 8);
  assert.ok(notes.includes(`codebook: 12 words from ${file}`));
  assert.equal(comparable(other.experiment), before);
});

test("a codebook's images that are not there lead to the ways out", async () => {
  const { config } = fresh();
  const error = await failure(config, ["evaluation.local_descriptor.codebook_training.dataset=train"]);
  assert.is(error.exitCode, 4);
  assert.match(error.message, /retrieval-SfM-120k.*--codebook FILE.*codebook_training\.dataset/);
});

test("the signal stops between images, and the next run continues", async () => {
  const { config, experiment } = fresh();
  const controller = new AbortController();
  const tools = toyTools();
  let seen = 0;
  const progress: Progress = {
    note() {},
    warn() {},
    stage: () => ({ advance: () => ++seen === 3 && controller.abort(), end() {} }),
  };
  let stopped: unknown;
  try {
    await runEvaluation({ config, progress, signal: controller.signal }, tools);
  } catch (error) {
    stopped = error;
  }
  assert.instance(stopped, Interrupted);
  assert.is((stopped as Interrupted).exitCode, 130);
  assert.ok(tools.networks[0].destroyed);
  const { calls } = await run(config);
  assert.is(calls, ALL_CALLS - 2 * 3, "three photos, of which both kinds were kept");
  assert.ok(existsSync(join(experiment, "results.json")));
});

test("two runs cannot write the same cache", async () => {
  const { config, experiment } = fresh();
  await run(config);
  const lock = join(shardOf(experiment, "toy database"), "..", "lock");
  assert.not.ok(existsSync(lock), "a finished run leaves no lock");
  const unlock = lockFolder(dirname(lock));
  const error = await failure(config);
  assert.is(error.code, "Locked");
  assert.match(error.message, new RegExp(`process ${process.pid}`));
  unlock();
  writeFileSync(lock, `${process.pid} ${hostname()}`);
  assert.is((await run(config)).calls, 0);
});

test("what is missing or broken is named in one line before or when it is met", async () => {
  const { config, folder } = fresh();
  const noModel = await failure(config, ["demo_eval.net_path=nowhere.pth"]);
  assert.is(noModel.exitCode, 4);
  assert.match(noModel.message, /nowhere\.pth: not found; looked for .*model_best\.pth/);
  const noQueries = await failure(config, [
    `evaluation.local_descriptor.datasets=[{name: bare, images: ${folder}/photos}]`,
  ]);
  assert.match(noQueries.message, /bare: this data set has no queries/);
  writeFileSync(join(folder, "photos", "scene1_2.png"), "no image at all");
  const broken = await failure(config);
  assert.is(broken.exitCode, 3);
  assert.match(broken.message, /scene1_2\.png/);
  rmSync(join(folder, "photos", "scene1_2.png"));
  const missing = await failure(config);
  assert.is(missing.exitCode, 4);
  assert.match(missing.message, /1 of \d+ .*scene1_2\.png/);
});

test.run();
