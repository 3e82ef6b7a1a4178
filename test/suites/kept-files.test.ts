/**
 * @file Every kept file, with each of its bits (of larger ones, one bit of each byte) flipped: what is read of it is what
 * was written, or the damage is told. Never something else.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCodebook, writeCodebook } from "../../asmk/codebook-file.js";
import { readIndex } from "../../asmk/index-file.js";
import { saveIndex } from "../../asmk/index-save.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { splitByImage } from "../../asmk/word-rows.js";
import { FireGpuError } from "../../base/errors.js";
import type { ImageLoader } from "../../data/loader.js";
import type { Capabilities } from "../../engine/adapter.js";
import { keepTuning, readChoices, tuningFile } from "../../engine/tuning/kept.js";
import { CachedFeatures, type FeatureStore } from "../../tasks/evaluate/feature-cache.js";
import { readChunk, writeChunk } from "../../tasks/evaluate/multistep/chunk-file.js";
import { checkRecord, writeRecorded } from "../../tasks/evaluate/multistep/record.js";
import { RecordLog } from "../../tasks/evaluate/record-log.js";
import type { Session } from "../../tasks/evaluate/session.js";
import { silent } from "../../tasks/progress.js";
import { emptyHistory } from "../../tasks/train/history.js";
import { noSums } from "../../tasks/train/meter.js";
import { checkMoments, readState, type TrainState, writeState } from "../../tasks/train/state-file.js";
import { randomCodebook, randomRows } from "../support/random-rows.js";
import { ToyTrainer, toyTrainTools } from "../support/toy-training.js";

const test = suite("kept-files");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-kept-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

/** What became of a damaged file. */
const TOLD = "told";

/**
 * Flips bits of `file` and reads it after each.
 * @param read what is used of it, as text; TOLD when a reader refused or warned
 * @param step bits of distance: 1 for each bit, 8 for one of each byte
 * @returns how often the damage was told
 */
async function flips(file: string, read: () => Promise<string>, step = 1): Promise<number> {
  const good = readFileSync(file);
  const want = await attempt(read);
  assert.is.not(want, TOLD);
  let told = 0;
  for (let bit = 0; bit < 8 * good.length; bit += step) {
    const at = bit >> 3;
    const bytes = Buffer.from(good);
    bytes[at] ^= 1 << (step === 1 ? bit % 8 : at % 8);
    writeFileSync(file, bytes);
    const got = await attempt(read);
    if (got === TOLD) told++;
    else if (got !== want)
      assert.unreachable(`${file}, byte ${at}: ${got.slice(0, 300)} instead of ${want.slice(0, 300)}`);
  }
  writeFileSync(file, good);
  assert.ok(told > 0, "the damage that was told");
  return told;
}

async function attempt(read: () => Promise<string>): Promise<string> {
  try {
    return await read();
  } catch (e) {
    assert.instance(e, FireGpuError, String((e as Error).stack));
    assert.is((e as FireGpuError).exitCode, 3, (e as Error).message);
    return TOLD;
  }
}

const text = (value: unknown) =>
  JSON.stringify(value, (_, v) =>
    ArrayBuffer.isView(v)
      ? Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString("hex")
      : typeof v === "bigint"
        ? String(v)
        : v,
  );

test("a codebook and the state of its training", async () => {
  const file = path("c.safetensors");
  writeCodebook(file, randomCodebook(4, 8, 1), { iteration: "3", objective: "12.5", fingerprint: "f".repeat(64) });
  await flips(file, async () => text(readCodebook(file)));
});

test("an index that was extended in place", async () => {
  const codebook = randomCodebook(300, 64, 1);
  const images = splitByImage(randomRows(codebook, { images: 20, each: 200, seed: 2 }));
  const index = InvertedFile.create({ words: 300, dim: 64, binary: true, useIdf: true });
  const notes = { codebook: null, model: "m", names: null, properties: { a: 1 } };
  for (const image of images.slice(0, 18)) index.append(image);
  await index.commit();
  const file = path("x.index");
  await saveIndex(file, index, notes);
  index.append(images[18]);
  await index.commit();
  await saveIndex(file, index, notes);
  const read = async () => {
    const { index: stored, notes: found } = await readIndex(file);
    const segments = await Promise.all(stored.segments.map((s) => s.load()));
    const { segments: _, ...state } = stored.state();
    return text([segments, state, found]);
  };
  assert.is((await readIndex(file)).index.imageCount, 19);
  // A prime distance meets every section, and each place in a byte.
  await flips(file, read, 8 * 251);
});

test("a chunk of a step and its record", async () => {
  const file = path("toy.agg.pkl");
  const rows = randomRows(randomCodebook(4, 32, 1), { images: 3, each: 2, seed: 2 });
  const made = { model: "a".repeat(64), scales: [1, 0.5], features_num: null, binary: true };
  await writeRecorded(file, made, () => writeChunk(file, rows));
  let notes = 0;
  const session = { log: { ...silent, note: () => notes++ } } as unknown as Session;
  const read = async () => {
    notes = 0;
    await checkRecord(session, file, made);
    return notes > 0 ? TOLD : text(readChunk(file, 32));
  };
  await flips(file, read, 8);
  const anyRecipe = async () => {
    try {
      return await read();
    } catch (e) {
      // A record that says another model is as good a refusal.
      if (e instanceof FireGpuError && e.exitCode === 2) return TOLD;
      throw e;
    }
  };
  await flips(`${file}.json`, anyRecipe);
  // With the name of an ingredient lost, the file would pass for one of another model.
  writeFileSync(`${file}.json`, readFileSync(`${file}.json`, "utf8").replace('"model"', '"nodel"'));
  assert.is(await attempt(read), TOLD);
});

test("the state of a training", async () => {
  const file = path("train_state.pth");
  const bench = await toyTrainTools().open(null);
  const start = await bench.start({} as never, null, []);
  const trainer = new ToyTrainer(start.state, 0, {});
  const state: TrainState = {
    epoch: 2,
    phase: "train",
    step: 1,
    sums: { ...noSums, tuples: 2, steps: 1, loss: 0.5, terms: { superfeature: 0.25 } },
    tuples: { width: 3, images: Int32Array.of(0, 1, 2, 3, 4, 5), negativeDistance: 0.75 },
    history: { ...emptyHistory, trainLoss: [[1, 0.5]], seconds: [[1, 2.5]], local: { toy: [[1, 0.25]] } },
    seconds: 1.5,
  };
  const settings = { "training.loss": "x", "model.dim": 8 };
  await writeState(file, trainer, state, settings);
  const read = async () => {
    const saved = readState(file, settings, 6);
    assert.ok(saved);
    checkMoments(file, saved.optimiser, trainer.parameters);
    return text([saved.state, [...saved.weights], saved.optimiser.step, [...saved.optimiser.moments]]);
  };
  await flips(file, read, 8 * 3);
});

test("a record log: the first records as they were, the rest dropped", async () => {
  const print = Buffer.alloc(32, 7);
  const records = [40, 0, 33].map((size, i) => Buffer.alloc(size, i + 1));
  const log = await RecordLog.open(path("log"), print);
  for (const record of records) await log.append(record);
  await log.close();
  const file = path("log/000000.shard");
  const good = readFileSync(file);
  for (let at = 0; at < good.length; at++) {
    for (const bit of [at % 8, (at + 3) % 8]) {
      const bytes = Buffer.from(good);
      bytes[at] ^= 1 << bit;
      writeFileSync(file, bytes);
      const opened = await RecordLog.open(path("log"), print);
      const found: string[] = [];
      for await (const record of opened.read()) found.push(Buffer.from(record).toString("hex"));
      await opened.close();
      assert.equal(
        found,
        records.slice(0, found.length).map((r) => r.toString("hex")),
      );
      // Unused bytes of the header are compared, too.
      assert.ok(found.length < records.length, `byte ${at}`);
    }
  }
});

test("choices of kernels", async () => {
  const caps = {
    name: "x",
    driver: "1",
    software: false,
    subgroupSize: 32,
    maxInvocations: 256,
    maxWorkgroupStorage: 32768,
  };
  const device = caps as Capabilities;
  const cache = path("cache");
  keepTuning(device, { choices: { conv: "registers", conv3x3: "direct" }, measured: [], seconds: 1 }, cache);
  const read = async () => {
    let told = 0;
    const choices = readChoices(device, () => told++, cache);
    return told > 0 ? TOLD : text(choices);
  };
  await flips(tuningFile(device, cache), read);
});

test("what a cache was made of decides messages alone: damaged, it stops nothing", async () => {
  const store: FeatureStore = { folder: path("features"), loader: {} as ImageLoader, progress: silent };
  const request = (print: number) => ({
    label: "toy",
    photos: [],
    imageSize: 64,
    scales: [1],
    ingredients: {},
    all: { model: String(print) },
    print: Buffer.alloc(32, print),
    compute: async () => new Uint8Array(0),
  });
  await (await CachedFeatures.open(store, request(1))).close();
  const about = join(store.folder, `features-${"01".repeat(8)}`, "about.json");
  for (const content of [
    "",
    "null",
    "[]",
    "{}",
    '{"label":1,"ingredients":null}',
    '{"label":"toy","ingredients":3}',
    "{",
  ]) {
    writeFileSync(about, content);
    await (await CachedFeatures.open(store, request(2))).close();
  }
  rmSync(about);
  mkdirSync(about);
  await (await CachedFeatures.open(store, request(2))).close();
});

test.run();
