/** @file `train --dry-run`: bounded work whatever the size of the training, progress, and what its numbers rest on. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseSet } from "../../tasks/config/override.js";
import { Interrupted, type Progress, silent } from "../../tasks/progress.js";
import { extrapolate, probe } from "../../tasks/train/probe.js";
import { runTraining } from "../../tasks/train/run.js";
import { openTrainingSet } from "../../tasks/train/training-set.js";
import { toyTrainTools, writeToyTraining } from "../support/toy-training.js";

const test = suite("dry run");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-dry-"));
test.after(() => rmSync(folder, { recursive: true }));

test("nothing is fetched or written: random weights are timed, and the address of those that are missing is told", async () => {
  const config = await writeToyTraining(folder);
  const tools = toyTrainTools();
  const lines: string[] = [];
  const progress: Progress = {
    ...silent,
    note: (line) => lines.push(line),
    stage: (label) => {
      lines.push(label);
      return { advance() {}, end() {} };
    },
  };
  const url = "http://localhost:1/start.pth";
  const overrides = [parseSet(`model.pretrained=${url}`), parseSet("training.dataset.qsize=1000000")];
  const { estimate } = await runTraining({ config, overrides, progress, dryRun: true }, tools);
  assert.ok(estimate);
  const { measured } = estimate;
  assert.is(measured.missingStart, url);
  assert.is(measured.images, 2);
  assert.ok(tools.trainers[0].tuples <= 2 * measured.sizes.length, `${tools.trainers[0].tuples} tuples`);
  assert.ok(measured.lookedFor > 0 && measured.factor > 0);
  assert.match(lines[0], /^measuring on toy/);
  assert.ok(lines.some((line) => /^learning from 2 photos, \d+ pixels$/.test(line)));
  assert.not.ok(existsSync(join(folder, "experiments")));
});

test("of a large set some photos are looked for, spread over all of it", async () => {
  const images = join(folder, "train");
  const dataset = { name: "own", mode: "train", images, imsize: 64, nnum: 1, qsize: 1, poolsize: 1 } as const;
  const { lookedFor, images: all } = await openTrainingSet(dataset, folder, "skip", 3);
  assert.ok(all.length > 6);
  assert.ok(lookedFor >= 2 && lookedFor <= 3, `${lookedFor} of ${all.length}`);
  assert.is((await openTrainingSet(dataset, folder, "skip")).lookedFor, all.length);
});

/** Work that takes `perPixel` milliseconds a pixel; `sizes` collects what was tried. */
function slow(perPixel: number, sizes: number[] = []) {
  return {
    ...{ label: "work", fullSize: 1024, progress: silent },
    load: async (size: number) => [{ width: size, height: 1, data: new Uint8Array(3 * size) }],
    async run([{ width }]: readonly { width: number }[]) {
      sizes.push(width);
      await new Promise((done) => setTimeout(done, width * perPixel));
    },
  };
}

test("work stops at the second size when a larger one would take too long, and goes to the full size when it is quick", async () => {
  const few: number[] = [];
  const probes = await probe({ ...slow(0.5, few), budget: 0.1 });
  assert.equal(few, [64, 64, 256, 256]);
  assert.equal(
    probes.map((p) => p.pixels),
    [64, 256],
  );
  const all: number[] = [];
  await probe({ ...slow(0.001, all), budget: 60 });
  assert.equal(all, [64, 64, 256, 256, 512, 512, 1024, 1024]);
  const small: number[] = [];
  await probe({ ...slow(0.001, small), fullSize: 96, budget: 60 });
  assert.equal(small, [96, 96]);
});

test("Ctrl-C stops between two runs", async () => {
  const sizes: number[] = [];
  const controller = new AbortController();
  const work = slow(0.001, sizes);
  const run: typeof work.run = async (images) => {
    await work.run(images);
    controller.abort();
  };
  try {
    await probe({ ...work, run, budget: 60, signal: controller.signal });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Interrupted);
  }
  assert.equal(sizes, [64]);
});

test("values follow the line through the last two sizes, and never fall below proportion's sense", () => {
  const line = [
    { x: 10, y: 120 },
    { x: 20, y: 140 },
  ];
  assert.is(extrapolate(line, 100), 300);
  assert.is(extrapolate([{ x: 10, y: 50 }], 100), 500);
  assert.is(extrapolate([{ x: 10, y: 50 }], 100, 40), 140);
  // noise: the larger size took less time, or a line would begin below nothing
  const noise = [
    { x: 10, y: 50 },
    { x: 20, y: 40 },
  ];
  assert.is(extrapolate(noise, 40), 80);
  const steep = [
    { x: 10, y: 1 },
    { x: 20, y: 40 },
  ];
  assert.is(extrapolate(steep, 40), 80);
});

test.run();
