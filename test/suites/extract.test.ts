/** @file Extraction to a file, with the toy network: what is written, and how a stopped run continues. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Safetensors } from "../../formats/safetensors.js";
import { type ExtractOptions, extract, findImages } from "../../tasks/extract.js";
import type { OpenModel } from "../../tasks/open-model.js";
import { Interrupted, type Progress, silent } from "../../tasks/progress.js";
import { SCENES, toyTools, VIEWS, writeToyData } from "../support/toy-evaluation.js";

const test = suite("extract");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-extract-"));
const photos = join(folder, "photos");
const IMAGES = SCENES * VIEWS;
/** 4 × 4 cells of the toy network. */
const CELLS = 16;
test.before(async () => {
  await writeToyData(folder);
});
test.after(() => rmSync(folder, { recursive: true }));

/** A run that is stopped after so many photos. */
async function stopAfter(photosDone: number, out: string): Promise<void> {
  const controller = new AbortController();
  let seen = 0;
  const progress: Progress = {
    note() {},
    warn() {},
    stage: () => ({ advance: () => ++seen === photosDone && controller.abort(), end() {} }),
  };
  try {
    await run({ out, progress, signal: controller.signal });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Interrupted);
  }
  assert.not.ok(existsSync(out));
}

async function run(options: Partial<ExtractOptions>, precision?: OpenModel["precision"]) {
  const tools = toyTools();
  const all: ExtractOptions = {
    ...{ inputs: [photos], checkpoint: join(folder, "model.pth"), out: join(folder, "out.safetensors") },
    ...{ global: false, progress: silent },
    ...options,
  };
  const result = await extract(all, async (file) => ({ ...(await tools.openModel(file, 0)), precision }));
  return { result, file: Safetensors.open(all.out), calls: tools.networks[0].calls };
}

test("local features of all photos stand in one file, aligned, with their names", async () => {
  const { result, file } = await run({ featuresNum: 10 });
  const rows = IMAGES * 10;
  assert.equal([result.images, result.descriptors, result.dim], [IMAGES, rows, 8]);
  const shapes = Object.fromEntries(file.names.map((n) => [n, [file.read(n).dtype, ...file.read(n).shape]]));
  assert.equal(shapes, {
    descriptors: ["F32", rows, 8],
    strengths: ["F32", rows],
    scales: ["F32", rows],
    image_ids: ["I32", rows],
    locations: ["I16", rows, 2],
  });
  const { data: descriptors } = file.read("descriptors");
  const { data: strengths } = file.read("strengths");
  const { data: ids } = file.read("image_ids");
  for (let i = 0; i < rows; i++) {
    assert.is(ids[i], Math.floor(i / 10));
    const norm = Math.hypot(...(descriptors as Float32Array).subarray(8 * i, 8 * i + 8));
    assert.ok(Math.abs(norm - Number(strengths[i])) < 1e-5, "the toy's strength is the descriptor's norm");
  }
  assert.equal(
    JSON.parse(file.metadata.names),
    readdirSync(photos)
      .sort()
      .map((n) => join(photos, n)),
  );
  assert.not.ok(existsSync(`${result.out}.partial`));
});

test("what is left out comes from the checkpoint, null keeps all", async () => {
  assert.is((await run({})).result.descriptors, IMAGES * CELLS);
  assert.is((await run({ scales: [1, 0.5] })).result.descriptors, 2 * IMAGES * CELLS);
});

test("global descriptors are one unit vector a photo", async () => {
  const { file } = await run({ global: true });
  const { shape, data } = file.read("descriptors");
  assert.equal(shape, [IMAGES, 8]);
  for (let i = 0; i < IMAGES; i++) {
    const norm = Math.hypot(...(data as Float32Array).subarray(8 * i, 8 * i + 8));
    assert.ok(Math.abs(norm - 1) < 1e-6);
  }
});

test("a stopped run leaves no file, and the next one continues it", async () => {
  const out = join(folder, "stopped.safetensors");
  await stopAfter(5, out);
  const { calls, file } = await run({ out });
  assert.is(calls, IMAGES - 5);
  const whole = (await run({})).file;
  for (const name of whole.names) assert.equal(file.read(name).data, whole.read(name).data, name);
});

test("half precision is written down, and does not continue what float32 began", async () => {
  const out = join(folder, "half.safetensors");
  await stopAfter(5, out);
  const { calls, file } = await run({ out }, "f16");
  assert.is(calls, IMAGES);
  assert.is(file.metadata.precision, "f16");
  assert.is((await run({})).file.metadata.precision, "f32");
  assert.is(file.metadata.model_sha256, (await run({})).file.metadata.model_sha256);
});

test("images, folders and lists may be mixed; what is not there is named", () => {
  const list = join(folder, "list.txt");
  const one = join(photos, "scene0_0.png");
  writeFileSync(list, `${one}\r\n${one}\n\n`);
  assert.equal(findImages([one, list]), [one, one, one]);
  assert.is(findImages([photos]).length, IMAGES);
  assert.throws(() => findImages([join(folder, "no.jpg")]), /no\.jpg: no such image, folder or list/);
});

test.run();
