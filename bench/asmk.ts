/**
 * @file Times ASMK on the device against its CPU twins: `node dist/bench/asmk.js [e2e case folder]`.
 *
 * Medians of wall time, and beside them the processor time of the whole process divided by the number of cores: on a
 * software driver that is what the work takes when nobody else computes, and it stays the same when somebody does.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type AsmkBackend, CpuBackend } from "../asmk/backend.js";
import { makeCodebook } from "../asmk/codebook.js";
import { GpuBackend } from "../asmk/gpu/backend.js";
import { HammingCodes } from "../asmk/gpu/hamming-topk.js";
import { InvertedFile } from "../asmk/inverted-file.js";
import { hammingTopK } from "../asmk/nearest-codes.js";
import { quantise } from "../asmk/quantise.js";
import { splitByImage, type WordRows } from "../asmk/word-rows.js";
import { Mt19937 } from "../base/random.js";
import { openDevice } from "../engine/device.js";
import { Safetensors } from "../formats/safetensors.js";

interface Times {
  readonly first: number;
  readonly median: number;
  readonly least: number;
  /** Processor time divided by the number of cores. */
  readonly work: number;
}

const device = await openDevice();
const gpu = new GpuBackend(device);
const cpu = new CpuBackend();
const cores = availableParallelism();
console.log(`${gpu.name}, ${cores} cores; ms: median (least; processor time / cores; first)`);
await benchQuantise();
await benchEncode();
await benchSearch("random", await randomIndex(), 20);
if (process.argv[2]) await benchSearch("real photos", storedRows(process.argv[2]), 20);
await benchHamming();
gpu.destroy();
device.close();

/** The twin takes a twentieth of the vectors, its time is scaled up. */
async function benchQuantise(): Promise<void> {
  const [words, dim, count] = [65536, 128, 1000];
  const codebook = makeCodebook(normals(words * dim, 1), dim);
  const vectors = normals(count * dim, 2);
  const flops = 2 * words * dim * count;
  for (const m of [5, 1]) {
    const ours = await time(7, () => gpu.quantise(codebook, vectors, m));
    report(`quantise ${count} × ${dim} against ${words} words, ${m} each`, ours, flops);
  }
  const assigner = gpu.assigner();
  const points = normals(4096 * dim, 3);
  const renew = async () => {
    await assigner.setCentroids(codebook.centroids, dim);
    await assigner.assign(points.subarray(0, dim));
  };
  report(`k-means: new centroids, ${words} × ${dim}, and one point`, await time(5, renew));
  const assigned = await time(3, () => assigner.assign(points));
  report(`k-means: ${points.length / dim} points among ${words} words`, assigned, 2 * words * points.length);
  console.log(`  ${Math.round((points.length / dim / assigned.median) * 1000)} points/s`, gpu.decided);
  const some = vectors.subarray(0, (count / 20) * dim);
  const twin = await time(1, () => quantise(codebook, some, 5));
  console.log(`  twin, scaled: ${ms(twin.first * 20)}`);
}

async function benchEncode(): Promise<void> {
  const codebook = makeCodebook(normals(65536 * 128, 1), 128);
  const vectors = normals(1000 * 128, 4);
  const images = new Int32Array(1000);
  for (const multipleAssignment of [1, 5]) {
    const options = { multipleAssignment, binary: true };
    report(
      `encode 1000 descriptors, ${multipleAssignment} words each`,
      await time(5, () => gpu.encode(codebook, vectors, images, options)),
    );
  }
}

interface SearchData {
  readonly index: InvertedFile;
  readonly queries: readonly WordRows[];
  /** Scores of the reference, query after query in ranking order. */
  readonly scores?: ArrayLike<number | bigint>;
}

async function benchSearch(title: string, { index, queries, scores }: SearchData, rounds: number): Promise<void> {
  const options = { topk: null, similarityThreshold: 0, alpha: 3 };
  const pairs = queries.reduce((n, q) => q.words.reduce((sum, w) => sum + index.counts[w], n), 0);
  const search = (backend: AsmkBackend) => backend.search(index, queries, options);
  const ours = await time(rounds, () => search(gpu));
  const twin = await time(Math.ceil(rounds / 4), () => search(cpu));
  const name = `search ${title}: ${queries.length} queries, ${index.imageCount} images, ${pairs} pairs`;
  report(name, ours);
  console.log(
    `  ${(pairs / ours.median / 1e3).toFixed(1)} Mpair/s; twin ${ms(twin.median)} (processor time ${ms(twin.work * cores)})`,
  );
  const [got, want] = [await search(gpu), await search(cpu)];
  const flat = got.flatMap((r) => [...r.scores]);
  const twins = want.flatMap((r) => [...r.scores]);
  const far = (a: ArrayLike<number | bigint>) =>
    flat.reduce((most, s, i) => Math.max(most, Math.abs(s - Number(a[i]))), 0);
  console.log(`  scores differ from the twin's by at most ${far(twins).toExponential(1)}`);
  if (scores) console.log(`  and from the reference's by at most ${far(scores).toExponential(1)}`);
}

/** 4,000 images of 250 words among 16,384, and 8 queries of 1,000: about two million pairs. */
async function randomIndex(): Promise<SearchData> {
  const random = new Mt19937(5);
  const words = 16384;
  const draw = (images: number, each: number): WordRows => {
    const rows = Array.from({ length: images }, () => {
      const set = new Set<number>();
      while (set.size < each) set.add(random.nextU32() % words);
      return [...set].sort((a, b) => a - b);
    });
    return {
      dim: 128,
      codes: Uint32Array.from({ length: images * each * 4 }, () => random.nextU32()),
      words: Int32Array.from(rows.flat()),
      images: Int32Array.from({ length: images * each }, (_, i) => Math.floor(i / each)),
    };
  };
  const index = InvertedFile.create({ words, dim: 128, binary: true, useIdf: false });
  await index.add(draw(4000, 250));
  return { index, queries: splitByImage(draw(8, 4000)) };
}

/** The rows that the reference made of a set of photos, stored in a golden end-to-end case. */
function storedRows(folder: string): SearchData {
  const tensors = Safetensors.open(join(folder, "tensors.safetensors"));
  const rows = (set: string): WordRows => ({
    dim: 128,
    codes: new Uint32Array(Int32Array.from(tensors.read(`${set}/packed`).data, Number).buffer),
    words: Int32Array.from(tensors.read(`${set}/word_ids`).data, Number),
    images: Int32Array.from(tensors.read(`${set}/image_ids`).data, Number),
  });
  const database = rows("db");
  const words = database.words.reduce((most, w) => Math.max(most, w), 1023) + 1;
  const index = InvertedFile.create({ words, dim: 128, binary: true, useIdf: false });
  index.append(database);
  void index.commit();
  return { index, queries: splitByImage(rows("query")), scores: tensors.read("asmk/scores").data };
}

async function benchHamming(): Promise<void> {
  const random = new Mt19937(9);
  const draw = (count: number) => Uint32Array.from({ length: count * 4 }, () => random.nextU32());
  const [codes, queries] = [draw(1e6), draw(96)];
  const twin = await time(3, () => hammingTopK(codes, queries, 4, 10));
  const own = new HammingCodes(device, codes, 4);
  const ours = await time(25, () => own.topK(queries, 10));
  own.free();
  report("nearest 10 of 1,000,000 codes of 128 bits, 96 queries", ours);
  const [js, ratio] = [twin.work * cores, (twin.work * cores) / ours.work];
  console.log(
    `  plain JavaScript, one thread ${ms(twin.median)} (processor time ${ms(js)}: ${ratio.toFixed(1)} times ours)`,
  );
}

async function time(rounds: number, work: () => unknown): Promise<Times> {
  const walls: number[] = [];
  const works: number[] = [];
  let first = 0;
  for (let round = 0; round <= rounds; round++) {
    const begin = performance.now();
    const before = process.cpuUsage();
    await work();
    await device.finish();
    const wall = performance.now() - begin;
    const { user, system } = process.cpuUsage(before);
    if (round === 0) first = wall;
    if (round === 0 && rounds > 1) continue;
    walls.push(wall);
    works.push((user + system) / 1000 / cores);
  }
  return { first, median: median(walls), least: Math.min(...walls), work: median(works) };
}

function report(title: string, { first, median: wall, least, work }: Times, flops?: number): void {
  const rate = flops ? `, ${(flops / wall / 1e6).toFixed(1)} GFLOP/s` : "";
  console.log(`${title}: ${ms(wall)} (${ms(least)}; ${ms(work)}; ${ms(first)})${rate}`);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function ms(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

/** Sums of three uniform numbers, spread like descriptors around the origin. */
function normals(count: number, seed: number): Float32Array {
  const random = new Mt19937(seed);
  const one = () => random.nextU32() / 2 ** 32 - 0.5;
  return Float32Array.from({ length: count }, () => (one() + one() + one()) * 0.2);
}
