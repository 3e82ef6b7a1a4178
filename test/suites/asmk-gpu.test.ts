/** @file ASMK on a device against its CPU twins: shapes around tiles, windows, streaming, ties, memory. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { aggregate } from "../../asmk/aggregate.js";
import { CpuAssigner } from "../../asmk/assigner.js";
import { CpuBackend } from "../../asmk/backend.js";
import { type Codebook, makeCodebook } from "../../asmk/codebook.js";
import { aggregateOnDevice } from "../../asmk/gpu/aggregate.js";
import { GpuBackend } from "../../asmk/gpu/backend.js";
import type { NearestVariant } from "../../asmk/gpu/nearest.js";
import { ScoreCollector } from "../../asmk/gpu/score-collector.js";
import { WordTable } from "../../asmk/gpu/word-table.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { kmeans } from "../../asmk/kmeans.js";
import type { SearchOptions } from "../../asmk/parameters.js";
import { type Ranking, rankScores } from "../../asmk/rank.js";
import type { SegmentRef } from "../../asmk/segment.js";
import { MemoryVectors } from "../../asmk/vectors.js";
import { splitByImage, type WordRows } from "../../asmk/word-rows.js";
import { Mt19937 } from "../../base/random.js";
import { openDevice } from "../../engine/device.js";
import { gridPoints, randomCodebook, randomRows, randomValues } from "../support/random-rows.js";

const test = suite("asmk-gpu");
const device = await openDevice();
// two tiles of 128 words of 128 components, 256 vectors of these
const narrow = await openDevice({ maxBinding: 2 ** 17 });
const cpu = new CpuBackend();
const VARIANTS: readonly (NearestVariant | undefined)[] = [undefined, "workgroup"];

interface NearestCase {
  readonly dim: number;
  readonly words: number;
  readonly count: number;
  readonly m: number;
}

const nearestCases: readonly NearestCase[] = [
  { dim: 128, words: 1000, count: 70, m: 5 },
  { dim: 64, words: 129, count: 33, m: 1 },
  { dim: 40, words: 640, count: 9, m: 2 },
  { dim: 20, words: 257, count: 64, m: 3 },
  { dim: 11, words: 37, count: 50, m: 6 },
  { dim: 128, words: 1, count: 5, m: 1 },
  { dim: 2, words: 3, count: 1, m: 3 },
  { dim: 7, words: 300, count: 4, m: 13 },
  // more than lists in registers hold: the twin
  { dim: 7, words: 300, count: 4, m: 14 },
  { dim: 16, words: 130, count: 0, m: 2 },
  // enough vectors for the larger tile
  { dim: 12, words: 140, count: 300, m: 2 },
];

for (const c of nearestCases)
  for (const nearest of VARIANTS)
    test(`words of ${c.count} × ${c.dim} among ${c.words}, ${c.m} each, ${nearest ?? "own kernel"}, are the twin's`, async () => {
      const codebook = randomCodebook(c.words, c.dim, 1);
      const vectors = randomValues(c.count * c.dim, 2);
      const backend = new GpuBackend(device, { nearest });
      assert.equal(await backend.quantise(codebook, vectors, c.m), await cpu.quantise(codebook, vectors, c.m));
      backend.destroy();
    });

test("ties and near ties are decided as the twin decides them", async () => {
  // points of a coarse grid: many equal distances, and words that occur twice
  const codebook = makeCodebook(gridPoints(200, 3, 1, 4), 3);
  const vectors = gridPoints(150, 3, 2, 8);
  // a far origin: float32 scores lose all that tells words apart
  const away = makeCodebook(
    codebook.centroids.map((v) => v + 3000),
    3,
  );
  const far = vectors.map((v) => v + 3000);
  const backend = new GpuBackend(device);
  for (const m of [1, 4]) {
    assert.equal(await backend.quantise(codebook, vectors, m), await cpu.quantise(codebook, vectors, m));
    assert.equal(await backend.quantise(away, far, m), await cpu.quantise(away, far, m));
  }
  backend.destroy();
});

test("values near the ends of float32 fall back to the twin instead of failing", async () => {
  const codebook = makeCodebook(Float32Array.of(0, 1e25, -1e25, 3e-25, 1e-30, 0), 2);
  const vectors = Float32Array.of(1e24, -1e24, 1e-26, 2e-26, 3e30, 1);
  const backend = new GpuBackend(device);
  assert.equal(await backend.quantise(codebook, vectors, 2), await cpu.quantise(codebook, vectors, 2));
  backend.destroy();
});

test("words that halves cannot tell apart are found all the same", async () => {
  // all components lie the same part of a step above a half-precision number: products are wrong in one direction by as
  // much as they can be, and scores put other words first
  for (const part of [0.45, 0.9]) {
    const random = randomValues(400 * 16, 11);
    const centroids = random.map((v) => 1 + (part + v / 25) * 2 ** -10);
    const vectors = centroids.slice(100 * 16, 110 * 16).map((v, i) => v + random[i] * 2 ** -17);
    const codebook = makeCodebook(centroids, 16);
    for (const nearest of VARIANTS) {
      const backend = new GpuBackend(device, { nearest });
      assert.equal(await backend.quantise(codebook, vectors, 2), await cpu.quantise(codebook, vectors, 2));
      backend.destroy();
    }
  }
});

test("words nearer to each other than float32 sums can tell are ordered as the twin orders them", async () => {
  const first = randomValues(150 * 32, 14);
  const second = first.map((v, i) => (i % 32 === Math.floor(i / 32) % 32 ? v * (1 + 2 ** -22) : v));
  const codebook = makeCodebook(Float32Array.of(...first, ...second), 32);
  const vectors = randomValues(60 * 32, 15);
  const backend = new GpuBackend(device);
  assert.equal(await backend.quantise(codebook, vectors, 3), await cpu.quantise(codebook, vectors, 3));
  assert.ok(backend.decided.refined >= 50);
  backend.destroy();
});

test("ordinary vectors are decided on the device, components far below the largest included", async () => {
  const tiny = (values: Float32Array) => values.map((v, i) => (i % 64 === 7 ? v * 1e-9 : v));
  const codebook = makeCodebook(tiny(randomValues(2000 * 64, 12)), 64);
  const vectors = tiny(randomValues(500 * 64, 13));
  for (const nearest of VARIANTS) {
    const backend = new GpuBackend(device, { nearest });
    assert.equal(await backend.quantise(codebook, vectors, 5), await cpu.quantise(codebook, vectors, 5));
    const { vectors: count, refined, searched } = backend.decided;
    assert.is(count, 500);
    assert.ok(refined <= 10 && searched <= 5, `${refined} refined, ${searched} searched`);
    backend.destroy();
  }
});

test("codebooks and blocks of vectors beyond a binding give the same words", async () => {
  const codebook = randomCodebook(1100, 60, 3);
  const vectors = randomValues(700 * 60, 4);
  const backend = new GpuBackend(narrow);
  const before = narrow.dispatches;
  assert.equal(await backend.quantise(codebook, vectors, 3), await cpu.quantise(codebook, vectors, 3));
  assert.ok(narrow.dispatches - before > 12, "split");
  backend.destroy();
});

test("k-means on a device ends with the centroids of the CPU, bit for bit", async () => {
  for (const points of [gridPoints(600, 3, 5, 4), randomValues(600 * 3, 6)]) {
    const source = new MemoryVectors(points, 3);
    const want = await kmeans(source, 60, new CpuAssigner());
    // with nothing kept, the centroids go to the device anew for every block
    for (const keptBytes of [undefined, 1000]) {
      const backend = new GpuBackend(device, { keptBytes });
      const ours = await kmeans(source, 60, backend.assigner(), { blockSize: 250 });
      assert.equal(ours.centroids, want.centroids);
      backend.destroy();
    }
  }
});

for (const [dim, assignment] of [
  [128, 1],
  [64, 2],
  [40, 1],
  [20, 3],
  [11, 2],
])
  test(`codes of dimension ${dim}, ${assignment} words a descriptor, equal the twin's`, async () => {
    const codebook = randomCodebook(90, dim, 5);
    const images = Int32Array.from({ length: 61 }, (_, i) => [0, 0, 0, 3, 4, 4][i % 6] + 10 * Math.floor(i / 6)).sort();
    const descriptors = randomValues(images.length * dim, 6);
    for (const d of [device, narrow]) {
      const backend = new GpuBackend(d);
      for (const binary of [true, false]) {
        const options = { multipleAssignment: assignment, binary };
        const got = await backend.encode(codebook, descriptors, images, options);
        const want = await cpu.encode(codebook, descriptors, images, options);
        assert.equal(got.words, want.words);
        assert.equal(got.images, want.images);
        if (binary) assert.equal(got.codes, want.codes);
        else assertClose(got.codes, want.codes, 1e-6);
      }
      backend.destroy();
    }
  });

test("a descriptor that names one word twice counts once", async () => {
  const codebook = randomCodebook(9, 20, 3);
  const descriptors = randomValues(30 * 20, 4);
  const words = await cpu.quantise(codebook, descriptors, 2);
  for (const i of [0, 7, 29]) words[2 * i] = words[2 * i + 1];
  const images = Int32Array.from({ length: 30 }, (_, i) => Math.floor(i / 20));
  const table = new WordTable(device, codebook.centroids, codebook.dim);
  const got = await aggregateOnDevice(device, table, codebook, descriptors, words, images, false);
  table.free();
  const want = aggregate(codebook, descriptors, words, images, false);
  assert.equal(got.words, want.words);
  assertClose(got.codes, want.codes, 1e-6);
});

test("one descriptor, none, and one image beyond a binding", async () => {
  const codebook = randomCodebook(200, 128, 7);
  const backend = new GpuBackend(narrow);
  for (const count of [0, 1, 600]) {
    const descriptors = randomValues(count * 128, 8);
    const images = new Int32Array(count).fill(4);
    const options = { multipleAssignment: 2, binary: true };
    assert.equal(
      await backend.encode(codebook, descriptors, images, options),
      await cpu.encode(codebook, descriptors, images, options),
    );
  }
  backend.destroy();
});

test("wrong input is refused as on the CPU", async () => {
  const codebook = randomCodebook(5, 4, 1);
  const backend = new GpuBackend(device);
  const refused = async (work: Promise<unknown>, message: RegExp) => {
    await work.then(
      () => assert.unreachable("expected an error"),
      (e: Error) => assert.match(e.message, message),
    );
  };
  const options = { multipleAssignment: 1, binary: true };
  await refused(backend.quantise(codebook, new Float32Array(4), 6), /from 1 to the 5 words/);
  await refused(backend.quantise(codebook, new Float32Array(7), 1), /multiple of 4 values, got 7/);
  await refused(backend.quantise(codebook, Float32Array.of(1, Number.NaN, 0, 0), 1), /value 1 of row 0 is NaN/);
  await refused(backend.encode(codebook, new Float32Array(8), Int32Array.of(1, 0), options), /must not fall/);
  await refused(backend.encode(codebook, new Float32Array(8), Int32Array.of(1), options), /expected 1 × 4 descriptor/);
  const index = InvertedFile.create({ words: 5, dim: 4, binary: true, useIdf: false });
  const float = randomRows(codebook, { images: 1, each: 2, seed: 1, binary: false });
  await refused(backend.search(index, [float], STANDARD), /expected binary codes/);
  backend.destroy();
});

const STANDARD: SearchOptions = { topk: null, similarityThreshold: 0, alpha: 3 };

/** An index of 40 images in several segments, with a gap in the ids, and queries of which one is empty. */
async function searchCase(
  dim: number,
  binary: boolean,
  useIdf: boolean,
  segmentEntries = 150,
): Promise<{ index: InvertedFile; queries: WordRows[]; codebook: Codebook }> {
  const codebook = randomCodebook(50, dim, 1);
  const index = InvertedFile.create({ words: 50, dim, binary, useIdf }, segmentEntries);
  for (const first of [0, 12, 30]) {
    const rows = randomRows(codebook, { images: 10, each: 14, seed: 2 + first, binary, first });
    await index.add(rows);
  }
  const queries = splitByImage(randomRows(codebook, { images: 5, each: 9, seed: 3, binary, assignment: 3 }));
  queries.splice(2, 0, {
    dim,
    codes: queries[0].codes.slice(0, 0),
    words: new Int32Array(0),
    images: new Int32Array(0),
  });
  return { index, queries, codebook };
}

/** The same scores within 2e-6 of a score of 1, and an order in which only near ties are exchanged. */
function assertRanked(got: readonly Ranking[], want: readonly Ranking[]): void {
  assert.is(got.length, want.length);
  got.forEach((ranking, q) => {
    assert.is(ranking.ids.length, want[q].ids.length);
    const scores = new Map([...want[q].ids].map((id, r) => [id, want[q].scores[r]]));
    const least = want[q].scores.at(-1) ?? 0;
    ranking.ids.forEach((id, r) => {
      assert.ok(
        Math.abs(ranking.scores[r] - want[q].scores[r]) <= 2e-7,
        `query ${q} rank ${r}: ${ranking.scores[r]} for ${want[q].scores[r]}`,
      );
      assert.ok(Math.abs((scores.get(id) ?? least) - ranking.scores[r]) <= 2e-7, `query ${q} rank ${r}: image ${id}`);
      if (r > 0 && ranking.scores[r] === ranking.scores[r - 1]) assert.ok(ranking.ids[r - 1] < id, "ties by id");
    });
    assert.is(new Set(ranking.ids).size, ranking.ids.length);
  });
}

for (const dim of [128, 64, 40, 20, 70])
  for (const binary of [true, false])
    for (const useIdf of [false, true])
      test(`rankings of ${binary ? "binary" : "float"} codes of dimension ${dim}${useIdf ? " with idf" : ""} are the twin's`, async () => {
        const { index, queries } = await searchCase(dim, binary, useIdf);
        assert.ok(index.segments.length > 1);
        const backend = new GpuBackend(device);
        const changes: readonly Partial<SearchOptions>[] = [
          {},
          { alpha: 1 },
          { alpha: 2.5 },
          { similarityThreshold: 0.2 },
          { similarityThreshold: -0.5, alpha: 1 },
          { alpha: -1, similarityThreshold: 0.1 },
          { alpha: 0 },
          { topk: 4 },
          { topk: 9 },
          { topk: 1000 },
        ];
        for (const change of changes) {
          const options = { ...STANDARD, ...change };
          assertRanked(await backend.search(index, queries, options), await cpu.search(index, queries, options));
        }
        backend.destroy();
      });

test("an empty index ranks nothing; no queries give no rankings", async () => {
  const { index, queries } = await searchCase(20, true, false);
  const empty = InvertedFile.create({ words: 50, dim: 20, binary: true, useIdf: false });
  const backend = new GpuBackend(device);
  assert.equal(await backend.search(empty, queries, STANDARD), await cpu.search(empty, queries, STANDARD));
  assert.equal(await backend.search(index, [], STANDARD), []);
  backend.destroy();
});

test("segments beyond a binding, and beyond what may be kept, give the same scores", async () => {
  const { index, queries } = await searchCase(256, false, true, 10000);
  const roomy = new GpuBackend(device);
  const want = await roomy.search(index, queries, STANDARD);
  roomy.destroy();
  assert.ok(index.segments[0].entries * 256 * 4 > narrow.maxBinding, `${index.segments[0].entries} entries`);
  const keeping = new GpuBackend(narrow);
  assert.equal(await keeping.search(index, queries, STANDARD), want);
  const streaming = new GpuBackend(narrow, { keptBytes: 100000 });
  assert.equal(await streaming.search(index, queries, STANDARD), want);
  assert.is(narrow.liveBytes > 0, true);
  keeping.destroy();
  assert.is(narrow.liveBytes, 0);
  streaming.destroy();
});

test("a codebook stays on the device while a segment too large to be kept passes by", async () => {
  const { queries, codebook } = await searchCase(256, false, false);
  const index = InvertedFile.create({ words: 50, dim: 256, binary: false, useIdf: false });
  await index.add(randomRows(codebook, { images: 30, each: 14, seed: 2, binary: false }));
  const vectors = randomValues(4 * 256, 9);
  const backend = new GpuBackend(device, { keptBytes: 220000 });
  assert.ok(index.segments[0].entries * 257 * 4 > 220000);
  const dispatches = async (work: () => Promise<unknown>) => {
    const before = device.dispatches;
    await work();
    return device.dispatches - before;
  };
  const first = await dispatches(() => backend.quantise(codebook, vectors, 1));
  await backend.search(index, queries, STANDARD);
  assert.is(await dispatches(() => backend.quantise(codebook, vectors, 1)), first - 1, "packed once");
  // another one of the same size drives it out
  await backend.quantise(randomCodebook(50, 256, 2), vectors, 1);
  assert.is(await dispatches(() => backend.quantise(codebook, vectors, 1)), first);
  backend.destroy();
});

test("scores of image ranges with gaps rank as all scores at once do", () => {
  const random = new Mt19937(8);
  for (const topk of [null, 1, 5, 40, 300]) {
    const all = new Float64Array(400);
    const collector = new ScoreCollector(400, topk);
    for (const [first, end] of [
      [3, 60],
      [60, 61],
      [150, 320],
    ]) {
      for (let i = first; i < end; i++) all[i] = (random.nextU32() % 9) - 4;
      collector.add(first, all.slice(first, end));
    }
    assert.equal(collector.ranking(2), rankScores(all, topk, 2));
  }
});

test("many images a segment are summed in windows, many queries in batches", async () => {
  const codebook = randomCodebook(3, 32, 1);
  const index = InvertedFile.create({ words: 3, dim: 32, binary: true, useIdf: false });
  // 16,384 sums of 64 bits fit the binding of 2^17 bytes
  await index.add(randomRows(codebook, { images: 20000, each: 1, seed: 4 }));
  const queries = splitByImage(randomRows(codebook, { images: 3, each: 2, seed: 5 }));
  for (const topk of [null, 7]) {
    const options = { ...STANDARD, topk };
    const backend = new GpuBackend(narrow);
    assertRanked(await backend.search(index, queries, options), await cpu.search(index, queries, options));
    backend.destroy();
  }
});

test("segments are fetched once a search, ahead of their use, and not at all while they are kept", async () => {
  const { index, queries } = await searchCase(40, true, false);
  let loads = 0;
  const state = index.state();
  const stored = InvertedFile.from({
    ...state,
    segments: state.segments.map(
      (s): SegmentRef => ({
        firstImage: s.firstImage,
        endImage: s.endImage,
        entries: s.entries,
        resident: null,
        load: () => {
          loads++;
          return s.load();
        },
      }),
    ),
  });
  const backend = new GpuBackend(device);
  const want = await backend.search(index, queries, STANDARD);
  for (let i = 0; i < 3; i++) assert.equal(await backend.search(stored, queries, STANDARD), want);
  assert.is(loads, state.segments.length);
  const small = new GpuBackend(device, { keptBytes: 1000 });
  for (let i = 0; i < 2; i++) assert.equal(await small.search(stored, queries, STANDARD), want);
  assert.is(loads, 3 * state.segments.length);
  backend.destroy();
  small.destroy();
});

test("a search that fails while it reads an index leaves nothing behind", async () => {
  const { index, queries } = await searchCase(40, true, false);
  const state = index.state();
  const broken = InvertedFile.from({
    ...state,
    segments: state.segments.map((s, i) =>
      i === 0 ? s : { ...s, resident: null, load: () => Promise.reject(new Error("the disk is gone")) },
    ),
  });
  const backend = new GpuBackend(device);
  for (let i = 0; i < 2; i++)
    await backend.search(broken, queries, STANDARD).then(
      () => assert.unreachable("expected an error"),
      (e: Error) => assert.match(e.message, /the disk is gone/),
    );
  backend.destroy();
});

test("at the end nothing is left on the devices", () => {
  assert.is(device.liveBytes, 0);
  assert.is(narrow.liveBytes, 0);
});

function assertClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): void {
  assert.is(got.length, want.length);
  for (let i = 0; i < want.length; i++)
    assert.ok(Math.abs(got[i] - want[i]) <= tolerance, `[${i}] ${got[i]} for ${want[i]}`);
}

test.after(() => {
  device.close();
  narrow.close();
});
test.run();
