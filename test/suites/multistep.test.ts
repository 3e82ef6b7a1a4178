/** @file Evaluation in steps: the same results as in one run, in partitions, with distractors, and what goes wrong. */
import { spawn } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCodebook, writeCodebook } from "../../asmk/codebook-file.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { openIndex, storeIndex } from "../../asmk/open-index.js";
import { writeFileAtomic } from "../../base/atomic.js";
import { FireGpuError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { readPickle } from "../../formats/pickle.js";
import { writePickle } from "../../formats/pickle-write.js";
import { NdArray, plain } from "../../formats/python.js";
import { parseSet } from "../../tasks/config/override.js";
import { partitionRange } from "../../tasks/evaluate/multistep/files.js";
import { runEvaluation } from "../../tasks/evaluate/run.js";
import { type Progress, silent } from "../../tasks/progress.js";
import { SCENES, toyTools, VIEWS, writeToyData } from "../support/toy-evaluation.js";

const DATABASE = SCENES * (VIEWS - 1);

const test = suite("multistep");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-multistep-"));
test.after(() => rmSync(root, { recursive: true }));

let pristine: string;
let made = 0;
/** Codebook and one chunk, which most tests begin from. */
let started: string;
/** Files of the evaluation in one run: ranks, scores. */
let whole: Ranks;

interface Run {
  folder: string;
  config: string;
  eval: string;
}

interface Ranks {
  ranks: number[];
  scores: number[];
  ids: number[];
}

test.before(async () => {
  pristine = join(root, "pristine");
  const config = await writeToyData(pristine);
  const text = readFileSync(config, "utf8").replace(/global_descriptor: .*/, "global_descriptor: {datasets: []}");
  const own = "{name: toy, images: photos, gnd: gnd.json}";
  // Distractors as the million is given: a mapping of a list, here of the queries' photos.
  const far = "{name: far, image_root: photos, database_list: far.txt, query_list: null}";
  writeFileSync(join(pristine, "far.txt"), "scene0_0.png\nscene1_0.png\nscene2_0.png\n");
  writeFileSync(config, text);
  writeFileSync(
    join(pristine, "far.yml"),
    text.replace(`datasets: [${own}]\n    codebook`, `datasets: [${far}]\n    codebook`),
  );
  const one = fresh();
  await run(one);
  whole = ranksOf(join(one.folder, "experiments", "toy", "toy_queries.pkl"));
  const begin = fresh();
  await step(begin, "train_codebook");
  await step(begin, "aggregate_database");
  started = begin.folder;
});

function fresh(from = pristine): Run {
  const folder = join(root, `run${made++}`);
  cpSync(from, folder, { recursive: true, preserveTimestamps: true });
  for (const name of ["toy.yml", "far.yml"]) {
    const file = join(folder, name);
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(from, folder));
  }
  return { folder, config: join(folder, "toy.yml"), eval: join(folder, "experiments", "toy", "eval") };
}

async function run({ config }: Run, sets: string[] = []) {
  const notes: string[] = [];
  const tools = toyTools();
  const progress: Progress = { ...silent, note: (line) => notes.push(line), warn: (line) => notes.push(line) };
  const overrides = ["experiment=toy", ...sets].map(parseSet);
  const { results } = await runEvaluation({ config, overrides, progress }, tools);
  return { results, notes, calls: tools.networks[0].calls };
}

function step(at: Run, name: string, sets: string[] = []) {
  return run(at, [`evaluation.multistep.step=${name}`, ...sets]);
}

const part = (total: number, index: number) => `evaluation.multistep.partition="${total}_${index}"`;
const withFar = "evaluation.multistep.distractors=far";

async function failure(exitCode: number, at: Run, name: string, sets: string[] = []): Promise<string> {
  try {
    await step(at, name, sets);
  } catch (error) {
    assert.instance(error, FireGpuError, String(error));
    const { message, exitCode: code } = error as FireGpuError;
    assert.is(code, exitCode, message);
    assert.not.match(message, /\n/);
    return message;
  }
  return assert.unreachable("expected an error") as never;
}

function ranksOf(file: string): Ranks {
  const top = plain(readPickle(readFileSync(file), file)) as Record<string, NdArray>;
  const numbers = (array: NdArray) => Array.from(array.data as BigInt64Array, Number);
  return {
    ranks: numbers(top.ranks),
    scores: Array.from(top.scores.data as Float64Array),
    ids: numbers(top.query_ids),
  };
}

/** The program's files, without the notes on how they were made. */
function filesOf({ eval: folder }: Run): string[] {
  return readdirSync(folder)
    .filter((f) => !f.endsWith(".json"))
    .sort();
}

test("the steps one after another give what one run gives", async () => {
  const at = fresh();
  const first = await step(at, "train_codebook");
  assert.equal(first.results, []);
  assert.ok(first.notes.includes("Starting asmk evaluation step 'train_codebook'"));
  assert.ok(first.notes.includes("Finished asmk evaluation step 'train_codebook' in 0 min"));
  const second = await step(at, "aggregate_database");
  assert.is(second.calls, DATABASE);
  assert.ok(second.notes.includes("Processing dataset 'toy'"));
  await step(at, "build_ivf");
  assert.not.ok(existsSync(join(at.eval, "..", "results.json")), "no results yet, no file of them");
  const { results, notes } = await step(at, "query_ivf");
  assert.equal(ranksOf(join(at.eval, "toy.results.pkl")), whole);
  assert.equal(filesOf(at), ["codebook.pkl", "toy.agg.pkl", "toy.ivf.pkl", "toy.results.pkl"]);
  assert.ok(notes.some((n) => /^Evaluated toy: mAP E: \S+, M: \S+, H: \S+$/.test(n)));
  assert.equal([results.length, results[0].dataset, results[0].images], [1, "toy", DATABASE]);
  assert.ok(existsSync(join(at.eval, "..", "results.json")));
});

test("partitions of database and queries give what the whole gives", async () => {
  const at = fresh(started);
  rmSync(join(at.eval, "toy.agg.pkl"));
  for (const index of [2, 0, 1]) {
    const { calls, notes } = await step(at, "aggregate_database", [part(3, index)]);
    assert.is(calls, DATABASE / 3);
    assert.ok(notes.includes(`Processing partition '3_${index}'`));
  }
  await step(at, "build_ivf");
  const waiting = await step(at, "query_ivf", [part(2, 1)]);
  assert.equal(waiting.results, [], "nothing is scored while queries are missing");
  assert.ok(
    waiting.notes.includes("toy: 1 of 2 partitions of the queries are done; left: 2_0"),
    waiting.notes.join("\n"),
  );
  assert.equal(ranksOf(join(at.eval, "toy.results:2_1.pkl")).ids, [2, 3]);
  const { results, notes } = await step(at, "query_ivf", [part(2, 0)]);
  assert.is(results[0].score?.protocol, "revisited");
  assert.ok(notes.includes("toy.results.pkl: joined from 2 partitions"));
  assert.equal(ranksOf(join(at.eval, "toy.results.pkl")), whole);
});

test("partition names are padded, ranges cover everything once", () => {
  const ranges = Array.from({ length: 12 }, (_, index) => partitionRange(100, { total: 12, index }, "x"));
  assert.is(ranges[0][0], 0);
  assert.is(ranges[11][1], 100);
  for (let i = 1; i < 12; i++) assert.is(ranges[i][0], ranges[i - 1][1]);
  assert.equal(partitionRange(7, { total: 3, index: 1 }, "x"), [2, 4]);
  assert.throws(() => partitionRange(3, { total: 4, index: 0 }, "the toy"), /at most 3 partitions/);
});

test("ten partitions and more are indexed by number", async () => {
  const at = fresh(started);
  rmSync(join(at.eval, "toy.agg.pkl"));
  for (let index = 0; index < DATABASE; index++) await step(at, "aggregate_database", [part(DATABASE, index)]);
  assert.ok(filesOf(at).includes("toy.agg:12_03.pkl"));
  await step(at, "build_ivf");
  await step(at, "query_ivf");
  assert.equal(ranksOf(join(at.eval, "toy.results.pkl")), whole);
});

test("aggregate_build_query does all in memory, and writes where one run does", async () => {
  const at = fresh(started);
  const { results } = await step(at, "aggregate_build_query");
  assert.is(results.length, 1);
  const file = join(at.eval, "..", "toy_queries.pkl");
  assert.equal(ranksOf(file), whole);
  assert.equal(filesOf(at), ["codebook.pkl", "toy.agg.pkl"]);
  const bare = ["evaluation.local_descriptor.datasets=[{name: toy, images: photos, queries: photos}]"];
  const skipped = await step(at, "aggregate_build_query", bare);
  assert.ok(skipped.notes.some((n) => n.includes("toy_queries.pkl is there already, and there is no ground truth")));
  assert.equal(ranksOf(file), whole);
});

/** Everything for the distractors, so that they can be searched along. */
async function farIndex(at: Run): Promise<void> {
  const far = { ...at, config: join(at.folder, "far.yml") };
  await step(far, "aggregate_database");
  await step(far, "build_ivf");
}

test("distractors are searched along, have negative ids, and change no score of the others", async () => {
  const at = fresh(started);
  await farIndex(at);
  await step(at, "build_ivf", [withFar]);
  const { results, notes } = await step(at, "query_ivf", [withFar]);
  assert.ok(notes.includes("Processing dataset 'far_toy'"));
  assert.equal([results[0].dataset, results[0].images], ["far_toy", DATABASE + 3]);
  const found = ranksOf(join(at.eval, "far_toy.results.pkl"));
  const depth = DATABASE + 3;
  for (let q = 0; q < SCENES; q++) {
    const ids = found.ranks.slice(q * depth, (q + 1) * depth);
    const scores = found.scores.slice(q * depth, (q + 1) * depth);
    assert.equal([...ids].sort((a, b) => a - b).slice(0, 4), [-3, -2, -1, 0]);
    const real = ids.flatMap((id, r) => (id < 0 ? [] : [[id, scores[r]]]));
    const alone = whole.ranks.slice(q * DATABASE, (q + 1) * DATABASE);
    assert.equal(
      real,
      alone.map((id, r) => [id, whole.scores[q * DATABASE + r]]),
    );
    // The first three queries' own photos are the distractors: they come first (the box of query 0 cuts its photo).
    if (q > 0 && q < 3) assert.is(ids[0], q - 3);
  }
  const inMemory = await step(at, "aggregate_build_query", [withFar]);
  assert.equal(ranksOf(join(at.eval, "..", "far_toy_queries.pkl")), found);
  assert.equal(inMemory.results[0].score, results[0].score);
});

test("what is there is left, and a step after another model is refused", async () => {
  const at = fresh(started);
  const before = readFileSync(join(at.eval, "codebook.pkl"));
  assert.is((await step(at, "train_codebook")).calls, 0);
  const again = await step(at, "aggregate_database");
  assert.is(again.calls, 0);
  assert.ok(again.notes.includes("toy.agg.pkl is there already; nothing to do"));
  await step(at, "build_ivf");
  assert.ok((await step(at, "build_ivf")).notes.includes("toy.ivf.pkl is there already; nothing to do"));
  assert.match(
    await failure(2, at, "aggregate_database", ["evaluation.inference.scales=[1]"]),
    /toy\.agg\.pkl: made with another scales; delete it/,
  );
  writeFileSync(join(at.folder, "model.pth"), "another toy");
  for (const name of ["train_codebook", "aggregate_database", "build_ivf", "query_ivf"]) {
    assert.match(await failure(2, at, name), /made with another model/);
  }
  assert.equal(readFileSync(join(at.eval, "codebook.pkl")), before);
});

test("an index is not taken for that of other chunks", async () => {
  const at = fresh(started);
  await step(at, "build_ivf");
  rmSync(join(at.eval, "toy.agg.pkl"));
  assert.ok((await step(at, "build_ivf")).notes.includes("toy.ivf.pkl is there already; nothing to do"));
  await step(at, "aggregate_database", ["evaluation.inference.scales=[1]"]);
  assert.match(
    await failure(2, at, "build_ivf", ["evaluation.inference.scales=[1]"]),
    /toy\.ivf\.pkl: made with another chunks/,
  );
});

test("a killed partition continues at the image where it was", async () => {
  const at = fresh(started);
  rmSync(join(at.eval, "toy.agg.pkl"));
  const partition = { step: "aggregate_database", partition: [2, 1] };
  const config = join(at.folder, "killed.yml");
  writeFileSync(
    config,
    `${readFileSync(at.config, "utf8")}  multistep: ${JSON.stringify(partition)}\nexperiment: toy\n`,
  );
  const script = join(packageRoot(), "dist/test/support/toy-evaluation.js");
  const child = spawn(process.execPath, [script, config, "30"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.on("close", (_, signal) => done(signal)));
  let images = 0;
  for await (const line of createInterface(child.stdout)) {
    if (line === "+ toy database 2_1" && ++images === 2) child.kill("SIGKILL");
  }
  assert.is(await ended, "SIGKILL");
  const { calls, notes } = await step(at, "aggregate_database", [part(2, 1)]);
  assert.ok(calls < DATABASE / 2 && calls > 0, `${calls} images were left`);
  assert.ok(
    notes.some((n) => /^toy database 2_1: continuing at image \d of 6/.test(n)),
    notes.join("\n"),
  );
  const cache = join(at.eval, "..", "cache");
  const left = readdirSync(cache).filter((f) => f.startsWith("features-"));
  assert.is(left.length, 1, "only the codebook's features are kept: the chunk has the others");
  await step(at, "aggregate_database", [part(2, 0)]);
  await step(at, "build_ivf");
  await step(at, "query_ivf");
  assert.equal(ranksOf(join(at.eval, "toy.results.pkl")), whole);
});

test("files of the reference are read as they are", async () => {
  const at = fresh();
  mkdirSync(at.eval, { recursive: true });
  const from = join(started, "experiments", "toy", "eval");
  copyFileSync(join(from, "codebook.pkl"), join(at.eval, "codebook.pkl"));
  // As numpy stacks them: int32 word ids are as good as int64 ones.
  const top = plain(readPickle(readFileSync(join(from, "toy.agg.pkl")), "x")) as Record<string, NdArray>;
  const words = Int32Array.from(top.word_ids.data as BigInt64Array, Number);
  const word_ids = new NdArray("I32", [words.length], words);
  writeFileAtomic(join(at.eval, "toy.agg.pkl"), writePickle({ ...top, word_ids }));
  const { notes } = await step(at, "build_ivf");
  assert.ok(notes.some((n) => n.startsWith("toy.agg.pkl: no record of how it was made")));
  await step(at, "query_ivf");
  assert.equal(ranksOf(join(at.eval, "toy.results.pkl")), whole);
});

test("an index too large for a pickle is kept in our own form", async () => {
  const at = fresh(started);
  await step(at, "build_ivf");
  const pickle = join(at.eval, "toy.ivf.pkl");
  const { index } = await openIndex(pickle, { dim: 8 });
  await storeIndex(join(at.eval, "toy.ivf.index"), index, { codebook: null, model: null, names: null, properties: {} });
  rmSync(pickle);
  await step(at, "query_ivf");
  assert.equal(ranksOf(join(at.eval, "toy.results.pkl")), whole);
});

test("chunks of different divisions are refused, missing ones named", async () => {
  const at = fresh(started);
  await step(at, "aggregate_database", [part(2, 0)]);
  assert.match(await failure(2, at, "build_ivf"), /different divisions \(toy\.agg\.pkl, toy\.agg:2_0\.pkl\)/);
  rmSync(join(at.eval, "toy.agg.pkl"));
  assert.match(
    await failure(4, at, "build_ivf"),
    /1 of 2 chunks of toy are missing; run --step aggregate_database --partition 2_1/,
  );
  await step(at, "aggregate_database", [part(3, 1)]);
  assert.match(await failure(2, at, "build_ivf"), /toy\.agg:2_0\.pkl, toy\.agg:3_1\.pkl/);
  rmSync(join(at.eval, "toy.agg:3_1.pkl"));
  const unpartitioned = join(started, "experiments", "toy", "eval", "toy.agg.pkl");
  copyFileSync(unpartitioned, join(at.eval, "toy.agg:1_0.pkl"));
  renameSync(join(at.eval, "toy.agg:2_0.pkl"), join(at.eval, "toy.agg.pkl"));
  assert.match(await failure(2, at, "build_ivf"), /\(toy\.agg\.pkl, toy\.agg:1_0\.pkl\)/);
  // Another data set whose name begins alike is none of our chunks.
  rmSync(join(at.eval, "toy.agg:1_0.pkl"));
  renameSync(join(at.eval, "toy.agg.pkl"), join(at.eval, "toy.aggregate.agg.pkl"));
  assert.match(await failure(4, at, "build_ivf"), /no toy\.agg\*\.pkl to index; run --step aggregate_database/);
});

test("what an earlier step should have left is named with the step", async () => {
  const empty = fresh();
  for (const name of ["aggregate_database", "build_ivf", "query_ivf", "aggregate_build_query"]) {
    assert.match(await failure(4, empty, name), /codebook\.pkl: .*--step train_codebook first.*--codebook FILE/);
  }
  const at = fresh(started);
  assert.match(
    await failure(4, at, "query_ivf"),
    /toy\.ivf\.pkl: not there; run --step build_ivf --datasets-local toy first/,
  );
  assert.match(await failure(4, at, "build_ivf", [withFar]), /far\.ivf\.pkl: not there; .*--datasets-local far first/);
  const codebook = readCodebook(join(at.eval, "codebook.pkl"));
  const nothing = InvertedFile.create({ words: codebook.words, dim: codebook.dim, binary: true, useIdf: false });
  const notes = { codebook: null, model: null, names: null, properties: {} };
  await storeIndex(join(at.eval, "toy.ivf.pkl"), nothing, notes);
  assert.match(await failure(4, at, "query_ivf"), /toy\.ivf\.pkl: the index is empty/);
});

test("a codebook or chunk that does not fit is refused", async () => {
  const at = fresh(started);
  assert.match(
    await failure(2, at, "build_ivf", ["evaluation.local_descriptor.asmk.train_codebook.codebook.size=13"]),
    /expected 13 words .* got 12/,
  );
  const chunk = join(at.eval, "toy.agg.pkl");
  const top = plain(readPickle(readFileSync(chunk), chunk)) as Record<string, NdArray>;
  const images = (top.image_ids.data as BigInt64Array).slice().reverse();
  const image_ids = new NdArray("I64", top.image_ids.shape, images);
  writeFileAtomic(chunk, writePickle({ ...top, image_ids }));
  assert.match(await failure(3, at, "build_ivf"), /toy\.agg\.pkl: not the bytes that toy\.agg\.pkl\.json records/);
  rmSync(`${chunk}.json`);
  assert.match(await failure(3, at, "build_ivf"), /toy\.agg\.pkl: .*image ids must rise/);
  writeFileAtomic(chunk, writePickle({ des: top.des, word_ids: top.word_ids }));
  assert.match(await failure(3, at, "build_ivf"), /image_ids: expected a numpy array/);
  writeFileAtomic(chunk, writePickle({ ...top, word_ids: new NdArray("I64", [1], new BigInt64Array(1)) }));
  assert.match(await failure(3, at, "build_ivf"), /\[\d+,1\] with 1 word_ids/);
  const wrong = join(at.folder, "wrong.pkl");
  writeCodebook(wrong, { words: 12, dim: 4, centroids: new Float32Array(48), size: 12 });
  copyFileSync(wrong, join(at.eval, "codebook.pkl"));
  rmSync(join(at.eval, "codebook.pkl.json"));
  assert.match(await failure(2, at, "build_ivf"), /a codebook of 4 dimensions; the network's descriptors have 8/);
});

test("results of partitions that do not belong together are not joined", async () => {
  const at = fresh(started);
  await step(at, "build_ivf");
  await step(at, "query_ivf", [part(2, 0)]);
  const topk = "evaluation.local_descriptor.asmk.query_ivf.search.topk=5";
  assert.match(await failure(2, at, "query_ivf", [part(2, 1), topk]), /toy\.results:2_0\.pkl: made with another topk/);
  rmSync(join(at.eval, "toy.results:2_0.pkl.json"));
  assert.match(await failure(3, at, "query_ivf", [part(2, 1), topk]), /expected 12 images a query .*got 5/);
});

test("options that make no sense together are refused", async () => {
  const at = fresh(started);
  for (const name of ["train_codebook", "build_ivf", "aggregate_build_query"]) {
    assert.match(await failure(2, at, name, [part(2, 0)]), /partitions are for aggregate_database and query_ivf/);
  }
  assert.match(await failure(2, at, "aggregate_database", [part(13, 0)]), /12 items; use at most 12 partitions/);
  assert.match(await failure(2, at, "query_ivf", [part(5, 0)]), /4 items; use at most 4 partitions/);
  const toy = "evaluation.multistep.distractors=toy";
  assert.match(await failure(2, at, "build_ivf", [toy]), /cannot be its own distractors/);
  const far = { ...at, config: join(at.folder, "far.yml") };
  assert.match(await failure(2, far, "query_ivf"), /far: this data set has no queries/);
  const twice = "evaluation.local_descriptor.datasets=[{name: a, images: photos}, {name: a, images: photos}]";
  assert.match(await failure(2, at, "build_ivf", [twice]), /two data sets are called a/);
  assert.match(await failure(2, at, "build_ivf", ["evaluation.local_descriptor.datasets=[]"]), /datasets is empty/);
});

test("with idf, chunks decide the weights as in the reference", async () => {
  const at = fresh(started);
  const idf = "evaluation.local_descriptor.asmk.build_ivf.ivf.use_idf=true";
  rmSync(join(at.eval, "toy.agg.pkl"));
  for (let index = 0; index < DATABASE; index++) await step(at, "aggregate_database", [part(DATABASE, index), idf]);
  await step(at, "build_ivf", [idf]);
  const { index } = await openIndex(join(at.eval, "toy.ivf.pkl"), { dim: 8 });
  // A word's weight counts the images that were there when it was last met.
  let early = 0;
  for (const [word, entries] of index.counts.entries()) {
    const { images } = await index.entriesOf(word);
    const seen = Math.max(-1, ...images) + 1;
    const expected = entries === 0 ? 1 : Math.fround(Math.log(seen / entries) ** 2);
    assert.is(index.idf[word], expected, `word ${word}`);
    if (entries > 0 && seen < DATABASE) early++;
  }
  assert.ok(early > 0, "some word is not met in the last chunk");
  assert.match(await failure(2, at, "query_ivf"), /toy\.ivf\.pkl: made with another use_idf/);
  await step(at, "query_ivf", [idf]);
});

test.run();
