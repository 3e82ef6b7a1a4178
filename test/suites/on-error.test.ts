/** @file Photos that cannot be used: left out and listed, or the end of the run; boxes that show nothing; thin photos. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FireGpuError, UsageError } from "../../base/errors.js";
import { lookAtPhoto } from "../../data/look.js";
import { prepareImage } from "../../data/resize.js";
import { Safetensors } from "../../formats/safetensors.js";
import { fittingScales, requireScales } from "../../nets/fitting-scales.js";
import { parseSet } from "../../tasks/config/override.js";
import { readRanks } from "../../tasks/evaluate/multistep/ranks-file.js";
import { type EvalOptions, runEvaluation } from "../../tasks/evaluate/run.js";
import { type ExtractOptions, extract } from "../../tasks/extract.js";
import type { Progress } from "../../tasks/progress.js";
import { runTraining, type TrainOptions } from "../../tasks/train/run.js";
import { toyTools, writeToyData } from "../support/toy-evaluation.js";
import { toyTrainTools, writeToyTraining } from "../support/toy-training.js";

const test = suite("on error");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-on-error-"));
test.after(() => rmSync(root, { recursive: true, force: true }));
test.before(async () => {
  await writeToyData(join(root, "toy"));
  await writeToyTraining(join(root, "training"));
});

let made = 0;
/** A fresh copy of toy data with some photos ruined. */
function fresh(from: "toy" | "training", ruin: Record<string, Uint8Array | string | null> = {}): string {
  const folder = join(root, `run${made++}`);
  cpSync(join(root, from), folder, { recursive: true, preserveTimestamps: true });
  for (const [name, content] of Object.entries(ruin)) {
    if (content === null) rmSync(join(folder, name));
    else writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Collects what is told; `after` photos an Interrupted is asked for. */
function listener(after = Number.POSITIVE_INFINITY) {
  const lines: string[] = [];
  const controller = new AbortController();
  let seen = 0;
  const progress: Progress = {
    note: (line) => lines.push(line),
    warn: (line) => lines.push(`warning: ${line}`),
    stage: () => ({ advance: () => ++seen === after && controller.abort(), end() {} }),
  };
  return { lines, progress, signal: controller.signal };
}

async function failure(run: () => Promise<unknown>): Promise<FireGpuError> {
  try {
    await run();
  } catch (error) {
    assert.instance(error, FireGpuError, String(error));
    return error as FireGpuError;
  }
  return assert.unreachable("nothing was raised") as never;
}

/** A PNG whose head is right and whose body is not: only decoding finds out. */
async function deepBroken(): Promise<Buffer> {
  const whole = await sharp({ create: { width: 40, height: 30, channels: 3, background: "teal" } })
    .png()
    .toBuffer();
  return whole.fill(0x33, whole.indexOf(Buffer.from("IDAT")) + 4, whole.length - 20);
}

async function runExtract(folder: string, options: Partial<ExtractOptions> = {}, told = listener()) {
  const tools = toyTools();
  const all: ExtractOptions = {
    ...{
      inputs: [join(folder, "photos")],
      checkpoint: join(folder, "model.pth"),
      out: join(folder, "out.safetensors"),
    },
    ...{ global: false, progress: told.progress, signal: told.signal },
    ...options,
  };
  const result = await extract(all, (file) => tools.openModel(file, 0));
  return { result, file: Safetensors.open(all.out), calls: tools.networks[0].calls, lines: told.lines };
}

test("extract leaves bad photos out, says which and why, and ids and names stay those of the rest", async () => {
  const bad = {
    "photos/scene0_1.png": "",
    "photos/scene2_2.png": await deepBroken(),
    "photos/scene3_3.png": "no photo",
  };
  const folder = fresh("toy", bad);
  for (const global of [false, true]) {
    const { result, file, lines } = await runExtract(folder, { global });
    assert.is(result.images, 13);
    assert.equal(
      result.skipped.map((s) => [s.file.slice(-12, -4), s.code]),
      [
        ["scene0_1", "UnsupportedFeature"],
        ["scene2_2", "Truncated"],
        ["scene3_3", "UnsupportedFeature"],
      ],
    );
    const names: string[] = JSON.parse(file.metadata.names);
    assert.is(names.length, 13);
    assert.not.ok(names.some((name) => Object.keys(bad).some((b) => name.endsWith(b))));
    assert.equal(JSON.parse(file.metadata.skipped), result.skipped);
    const ids = file.read("image_ids").data as Int32Array;
    assert.equal(
      [...new Set(ids)],
      Array.from({ length: 13 }, (_, i) => i),
    );
    // The third photo of the folder is the second of the file.
    const { file: alone } = await runExtract(folder, {
      global,
      inputs: [names[1]],
      out: join(folder, "alone.safetensors"),
    });
    const one = alone.read("descriptors").data as Float32Array;
    const all = file.read("descriptors").data as Float32Array;
    const first = 8 * ids.indexOf(1);
    assert.equal(all.slice(first, first + one.length), one);
    assert.ok(
      lines.some((l) =>
        /^warning: extract: 2 of 16 photos cannot be used and will be skipped, the first is .*scene0_1/.test(l),
      ),
    );
    assert.ok(lines.includes("warning: 3 photos were skipped:"));
    assert.ok(lines.some((l) => /^warning: {3}.*scene2_2\.png: .*\(Truncated\)$/.test(l)));
  }
});

test("with stop the first bad photo ends the run before the long work, by name", async () => {
  const folder = fresh("toy", { "photos/scene3_2.png": "", "photos/scene3_3.png": "" });
  const told = listener();
  const error = await failure(() => runExtract(folder, { onError: "stop" }, told));
  assert.is(error.exitCode, 3);
  assert.match(error.message, /^\S*scene3_2\.png: .*; extract: 2 of 16 photos cannot be used, this is the first/);
  assert.not.ok(
    told.lines.some((l) => l.includes("scene0_0")),
    "nothing was extracted",
  );
  const deep = fresh("toy", { "photos/scene0_1.png": await deepBroken() });
  assert.match((await failure(() => runExtract(deep, { onError: "stop" }))).message, /scene0_1\.png: .*Truncated/);
});

test("when no photo can be used the run fails, with the reason", async () => {
  const folder = fresh("toy", { "photos/scene0_0.png": "", "photos/scene0_1.png": await deepBroken() });
  for (const name of ["scene0_0.png", "scene0_1.png"]) {
    const error = await failure(() => runExtract(folder, { inputs: [join(folder, "photos", name)] }));
    assert.is(error.exitCode, 3);
    assert.match(error.message, new RegExp(`${name}: .*`));
  }
});

test("a run that was stopped does not read bad photos again, and tries them once they have changed", async () => {
  const folder = fresh("toy", { "photos/scene0_1.png": await deepBroken() });
  const good = readFileSync(join(root, "toy/photos/scene0_1.png"));
  await failure(() => runExtract(folder, {}, listener(6)));
  const { result, calls, lines } = await runExtract(folder);
  // Six were done, one of which was skipped.
  assert.equal([result.images, result.skipped.length, calls], [15, 1, 10]);
  assert.ok(lines.some((l) => /continuing at image 7 of 16/.test(l)));

  await failure(() => runExtract(folder, { out: join(folder, "again.safetensors") }, listener(6)));
  writeFileSync(join(folder, "photos/scene0_1.png"), good);
  const { result: mended } = await runExtract(folder, { out: join(folder, "again.safetensors") });
  assert.equal([mended.images, mended.skipped.length], [16, 0]);
});

test("a photo of a list that is missing is skipped like others; a half photo is used and said, also on a rerun", async () => {
  const folder = fresh("toy");
  const whole = readFileSync(join(folder, "photos/scene1_1.png"));
  writeFileSync(join(folder, "photos/scene1_1.png"), whole.subarray(0, whole.length >> 1));
  writeFileSync(
    join(folder, "list.txt"),
    "photos/scene0_0.png\nphotos/gone.png\nphotos/scene1_1.png\nphotos/scene2_0.png\n",
  );
  const inputs = [join(folder, "list.txt")];
  const { result } = await runExtract(folder, { inputs });
  assert.is(result.images, 3);
  assert.is(result.skipped[0].code, "ImageMissing");
  const half = /^warning: .*scene1_1\.png: this PNG ends too early/;
  const out = join(folder, "half.safetensors");
  const begun = listener(3);
  await failure(() => runExtract(folder, { inputs, out }, begun));
  assert.is(begun.lines.filter((l) => half.test(l)).length, 1);
  const { lines } = await runExtract(folder, { inputs, out });
  assert.is(lines.filter((l) => half.test(l)).length, 1);
  assert.not.ok(existsSync(`${out}.partial`));
});

test("a photo too thin for a scale leaves that scale out and says so", async () => {
  assert.equal(fittingScales({ width: 1, height: 96 }, [2, 1, 0.707, 0.5]), [2, 1]);
  assert.throws(
    () => requireScales({ width: 1, height: 96 }, [0.5]),
    /1 × 96 pixels .*too thin for all scales \(0\.5\)/,
  );
  const folder = fresh("toy");
  await sharp({ create: { width: 900, height: 4, channels: 3, background: "teal" } })
    .png()
    .toFile(join(folder, "photos/strip.png"));
  const { lines } = await runExtract(folder, { scales: [1, 0.1], inputs: [join(folder, "photos/strip.png")] });
  assert.ok(
    lines.some((l) => /^warning: .*strip\.png: too thin for scale 0\.1 \(64 × 1 pixels\), left out$/.test(l)),
    lines.join("\n"),
  );
});

async function runEval(folder: string, options: Partial<EvalOptions> & { sets?: string[] } = {}) {
  const told = listener();
  const { sets = [], ...rest } = options;
  const overrides = sets.map(parseSet);
  const result = await runEvaluation(
    { config: join(folder, "toy.yml"), overrides, progress: told.progress, ...rest },
    toyTools(),
  );
  return { result, lines: told.lines };
}

/** Toy data whose configuration names this folder. */
function evaluation(ruin: Record<string, Uint8Array | string | null>): string {
  const folder = fresh("toy", ruin);
  const config = join(folder, "toy.yml");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(join(root, "toy"), folder));
  return folder;
}

test("an evaluation stops at a bad photo, unless asked to go on: then it ranks last, and a query leaves the means", async () => {
  const deep = await deepBroken();
  const folder = evaluation({ "photos/scene1_1.png": deep, "photos/scene2_0.png": deep });
  const stopped = await failure(() => runEval(folder));
  assert.is(stopped.exitCode, 3);
  assert.match(stopped.message, /scene1_1\.png/);
  const { result, lines } = await runEval(folder, { onError: "skip" });
  assert.equal(
    result.skipped.map((s) => s.file.slice(-12)),
    ["scene1_1.png", "scene2_0.png"],
  );
  assert.is(
    lines.filter((l) =>
      /toy: 1 of 12 database photos were skipped and rank last; 1 of 4 queries were skipped and are left/.test(l),
    ).length,
    2,
    "once by each method",
  );
  for (const { method, score, ranksFile } of result.results) {
    assert.ok(score?.protocol === "revisited");
    const { easy } = score.levels;
    assert.equal(easy.empty, [2], `${method}: the skipped query is not counted`);
    // scene1_1 is the only easy image of query 1, and comes last.
    assert.ok(easy.queries[1].ap < 0.2, `${method}: ${easy.queries[1].ap}`);
    if (ranksFile) assert.is(readRanks(ranksFile, 4).queries, 4);
  }
  // Reused features say the same, and a run that is to stop does stop.
  assert.is((await runEval(folder, { onError: "skip" })).result.skipped.length, 2);
  assert.match((await failure(() => runEval(folder))).message, /scene1_1\.png/);
});

test("a box outside of its photo, or far larger, is refused before the work; one that reaches out a little is black there", async () => {
  const size = { width: 48, height: 40, data: new Uint8Array(3 * 48 * 40).fill(9) };
  const black = prepareImage(size, 64, [-2, -2, 20, 20]);
  assert.equal([black.width, black.height, black.data[0], black.data.at(-1)], [22, 22, 0, 9]);
  assert.equal(prepareImage(size, 64, [-24, -20, 72, 60]).width, 96);
  const wrong: [readonly [number, number, number, number], RegExp][] = [
    [[0, 0, 30_000, 30_000], /box \[0, 0, 30000, 30000\] is more than 2 times as large as the photo of 48 × 40 pixels/],
    [[48, 0, 60, 10], /box \[48, 0, 60, 10\] lies outside the photo of 48 × 40 pixels/],
    [[-30, -30, 0.4, 10], /lies outside the photo/],
    [[5, 5, 5.3, 9], /expected a box x1 < x2/],
  ];
  for (const [box, words] of wrong) {
    assert.throws(
      () => prepareImage(size, 64, box),
      (e: Error) => e instanceof UsageError && words.test(e.message),
    );
    const folder = evaluation({});
    const gnd = JSON.parse(readFileSync(join(folder, "gnd.json"), "utf8"));
    gnd.gnd[3].bbx = box;
    writeFileSync(join(folder, "gnd.json"), JSON.stringify(gnd));
    const told = listener();
    const error = await failure(() => runEval(folder, { progress: told.progress }));
    assert.is(error.exitCode, 2);
    assert.match(error.message, words);
    assert.match(error.message, /scene3_0\.png/);
    assert.not.ok(
      told.lines.some((l) => l.includes("Evaluating")),
      "before any work",
    );
  }
  const photo = join(root, "toy/photos/scene0_0.png");
  assert.is(await lookAtPhoto(photo, [-2, -2, 49, 41]), null);
  assert.is((await lookAtPhoto(photo, [48, 0, 60, 10]))?.code, "BoxOutside");
});

async function runTrain(folder: string, options: Partial<TrainOptions> = {}) {
  const told = listener();
  const tools = toyTrainTools(0);
  const result = await runTraining(
    { config: join(folder, "toy_train.yml"), progress: told.progress, ...options },
    tools,
  );
  return { result, lines: told.lines, trainer: tools.trainers[0] };
}

test("a training goes on without the tuples of a bad photo, and names it; with stop it ends at once", async () => {
  const config = (folder: string) => {
    const file = join(folder, "toy_train.yml");
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(join(root, "training"), folder));
    return folder;
  };
  const { trainer: untouched } = await runTrain(config(fresh("training")));
  const one = "train/scene0/0.png";
  const folder = config(fresh("training", { [one]: await deepBroken() }));
  const { result, lines, trainer } = await runTrain(folder);
  assert.equal(
    result.skipped.map((s) => s.file),
    [join(folder, one)],
  );
  assert.ok(trainer.tuples < untouched.tuples && trainer.tuples > 0, `${trainer.tuples} of ${untouched.tuples} tuples`);
  assert.is(lines.filter((l) => l.includes(`${one}: `) && /it is skipped, and tuples with it$/.test(l)).length, 1);
  assert.ok(lines.includes("warning: 1 photo was skipped:"));
  const strict = config(fresh("training", { [one]: "" }));
  const error = await failure(() => runTrain(strict, { onError: "stop" }));
  assert.is(error.exitCode, 3);
  assert.ok(error.message.includes(one), error.message);
});

test.run();
