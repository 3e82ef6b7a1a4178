/** @file From descriptors to rankings: the worked examples of the specification, and properties. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { aggregate } from "../../asmk/aggregate.js";
import { Asmk } from "../../asmk/asmk.js";
import { makeCodebook } from "../../asmk/codebook.js";
import { countOnes, hammingDistance } from "../../asmk/hamming.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { packRows } from "../../asmk/pack.js";
import { asmkParameters, parseSize } from "../../asmk/parameters.js";
import { quantise } from "../../asmk/quantise.js";
import { rankScores } from "../../asmk/rank.js";
import { scoreImages, searchIndex } from "../../asmk/search.js";
import { hammingScores } from "../../asmk/similarity.js";
import { imageRuns, sliceRows, splitByImage } from "../../asmk/word-rows.js";
import { NumericError, UsageError } from "../../base/errors.js";
import { Mt19937 } from "../../base/random.js";
import { randomCodebook, randomRows, randomValues } from "../support/random-rows.js";

const test = suite("asmk");
const STANDARD = { topk: null, similarityThreshold: 0, alpha: 3 };

const close = (got: ArrayLike<number>, want: readonly number[], tolerance: number) => {
  assert.is(got.length, want.length);
  for (const [i, w] of want.entries()) assert.ok(Math.abs(got[i] - w) <= tolerance, `[${i}] ${got[i]} for ${w}`);
};

const isUsageError = (e: unknown) => e instanceof UsageError;

/** The golden example of the specification. */
const example = {
  codebook: makeCodebook(Float32Array.of(0, 0, 10, 0, 0, 10), 2),
  database: Float32Array.of(1, 1, 2, -1, 9, 1, -1, 9, 1, 11, 11, -1),
  images: Int32Array.of(0, 0, 0, 1, 1, 2),
  query: Float32Array.of(1, 2, 8, -1),
};

async function exampleIndex(useIdf: boolean): Promise<InvertedFile> {
  const { codebook, database, images } = example;
  const index = InvertedFile.create({ words: 3, dim: 2, binary: true, useIdf });
  await index.add(aggregate(codebook, database, quantise(codebook, database, 1), images, true));
  return index;
}

test("the worked example: words, lists and norms", async () => {
  assert.equal([...quantise(example.codebook, example.query, 2)], [0, 2, 1, 0]);
  const index = await exampleIndex(false);
  const lists = await Promise.all([0, 1, 2].map((w) => index.entriesOf(w)));
  assert.equal(
    lists.map(({ images, codes }) => [[...images], [...codes]]),
    [
      [[0], [0x80000000]],
      [
        [0, 2],
        [0x40000000, 0x80000000],
      ],
      [[1], [0]],
    ],
  );
  assert.equal([...index.state().norms], [2, 1, 1]);
  assert.equal([...index.idf], [1, 1, 1]);
  const withIdf = await exampleIndex(true);
  close(withIdf.idf, [1.206949, 0.16440195, 1.206949], 1e-6);
  close(withIdf.state().norms, [1.37135094, 1.206949, 0.16440195], 1e-6);
});

test("the worked example: rankings and scores, equal scores by id", async () => {
  const { codebook, query } = example;
  const rows = aggregate(codebook, query, quantise(codebook, query, 2), Int32Array.of(0, 0), true);
  const [plain] = await searchIndex(await exampleIndex(false), [rows], STANDARD);
  assert.equal([...plain.ids], [0, 1, 2]);
  close(plain.scores, [0.67277245, 0.47572197, 0.47572197], 1e-8);
  const [idf] = await searchIndex(await exampleIndex(true), [rows], STANDARD);
  assert.equal([...idf.ids], [0, 1, 2]);
  close(idf.scores, [0.60092655, 0.56375651, 0.20806574], 1e-7);
});

test("signs are packed from the top bit, strictly above zero, the tail left-aligned", () => {
  const pack = (...values: number[]) => [...packRows(Float32Array.from(values), values.length)];
  assert.equal(pack(-4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5), [0x07c00000]);
  assert.equal(pack(0, -0, 1e-30, -1, 2), [0x28000000]);
  assert.equal(pack(Number.NaN, 1), [0x40000000]);
  const forty = Array.from({ length: 40 }, (_, d) => ([0, 31, 32, 39].includes(d) ? 1 : -1));
  assert.equal(pack(...forty), [0x80000001, 0x81000000]);
});

test("Hamming distances count differing bits", () => {
  const random = new Mt19937(3);
  for (let i = 0; i < 200; i++) {
    const word = random.nextU32();
    assert.is(countOnes(word), word.toString(2).replaceAll("0", "").length);
  }
  assert.is(countOnes(0xffffffff), 32);
  assert.is(hammingDistance(Uint32Array.of(0, 7, 1), 0, Uint32Array.of(0, 6, 3), 0, 3), 2);
});

test("similarity divides by the padded width: opposite codes of dimension 20 reach −0.25 only", () => {
  const { table, mostBits } = hammingScores(1, { topk: null, similarityThreshold: -1, alpha: 1 });
  assert.is(table[20], -0.25);
  assert.is(table[32], -1);
  assert.is(mostBits, 32);
  assert.is(hammingScores(1, STANDARD).mostBits, 16);
  assert.is(hammingScores(1, { ...STANDARD, similarityThreshold: 0.3 }).mostBits, 11);
});

test("nearest words agree with distances computed the long way, also in their order", () => {
  const codebook = randomCodebook(37, 11, 1);
  const descriptors = randomValues(50 * 11, 2);
  const words = quantise(codebook, descriptors, 6);
  for (let i = 0; i < 50; i++) {
    const distance = (w: number) => {
      let sum = 0;
      for (let d = 0; d < 11; d++) sum += (descriptors[i * 11 + d] - codebook.centroids[w * 11 + d]) ** 2;
      return sum;
    };
    const sorted = [...Array(37).keys()].sort((a, b) => distance(a) - distance(b));
    assert.equal([...words.subarray(i * 6, i * 6 + 6)], sorted.slice(0, 6));
  }
});

test("equal distances go to the lower word; more assignments than words are refused", () => {
  const twins = makeCodebook(Float32Array.of(5, 1, 1, 1, 5, 1), 1);
  assert.equal([...quantise(twins, Float32Array.of(0, 4), 4)], [1, 2, 3, 5, 0, 4, 1, 2]);
  assert.throws(() => quantise(twins, Float32Array.of(0), 7), /integer from 1 to the 6 words of the codebook, got 7/);
  assert.throws(() => quantise(twins, Float32Array.of(0), 0), isUsageError);
  assert.throws(
    () => quantise(twins, Float32Array.of(0, Number.NaN), 1),
    (e: Error) => e instanceof NumericError,
  );
  assert.throws(() => quantise(randomCodebook(4, 3, 1), new Float32Array(7), 1), /multiple of 3 values, got 7/);
});

test("residuals are summed over all assignment columns, once for a descriptor and word, in float32", () => {
  const codebook = randomCodebook(9, 5, 3);
  const descriptors = randomValues(40 * 5, 4);
  const words = quantise(codebook, descriptors, 3);
  // A descriptor that names one word twice still counts once.
  words[1] = words[0];
  const images = Int32Array.from({ length: 40 }, (_, i) => (i < 25 ? 2 : 7));
  const rows = aggregate(codebook, descriptors, words, images, false);
  let row = 0;
  for (const [begin, end] of [[...imageRuns(images)][0], [...imageRuns(images)][1]]) {
    const present = [...new Set(words.subarray(begin * 3, end * 3))].sort((a, b) => a - b);
    for (const word of present) {
      const sum = new Float32Array(5);
      for (let i = begin; i < end; i++)
        if (words.subarray(i * 3, i * 3 + 3).includes(word))
          for (let d = 0; d < 5; d++) sum[d] += Math.fround(descriptors[i * 5 + d] - codebook.centroids[word * 5 + d]);
      const norm = Math.hypot(...sum) + 1e-6;
      assert.is(rows.words[row], word);
      assert.is(rows.images[row], images[begin]);
      close(
        rows.codes.subarray(row * 5, row * 5 + 5),
        [...sum].map((v) => v / norm),
        1e-6,
      );
      row++;
    }
  }
  assert.is(rows.words.length, row);
});

test("binary rows are the signs of the float rows; a batch equals its images one by one", () => {
  const codebook = randomCodebook(16, 40, 5);
  const options = { images: 6, each: 9, seed: 6, assignment: 2 };
  const float = randomRows(codebook, { ...options, binary: false });
  const binary = randomRows(codebook, options);
  assert.equal(binary.words, float.words);
  assert.equal(binary.codes, packRows(float.codes as Float32Array, 40));
  const descriptors = randomValues(6 * 9 * 40, 6);
  splitByImage(binary).forEach((image, i) => {
    const own = descriptors.subarray(i * 360, (i + 1) * 360);
    const ids = new Int32Array(9).fill(i);
    const alone = aggregate(codebook, own, quantise(codebook, own, 2), ids, true);
    assert.equal(
      { ...image, codes: image.codes.slice(), words: image.words.slice(), images: image.images.slice() },
      alone,
    );
  });
});

test("aggregation refuses ids out of order and words out of range; no descriptors give no rows", () => {
  const codebook = randomCodebook(4, 2, 1);
  const two = new Float32Array(4);
  const run = (words: number[], images: number[]) =>
    aggregate(codebook, two, Int32Array.from(words), Int32Array.from(images), true);
  assert.throws(() => run([0, 1], [1, 0]), /image ids must not fall, got 0 after 1/);
  assert.throws(() => run([0, 4], [0, 0]), /word id 4 is outside 0 … 3/);
  assert.throws(() => run([0, -1], [0, 0]), /word id -1/);
  assert.throws(() => run([0, 1, 2], [0, 0]), /multiple of 2 word ids, got 3/);
  assert.throws(() => run([0], [0]), /expected 1 × 2 descriptor values, got 4/);
  const none = aggregate(codebook, new Float32Array(0), new Int32Array(0), new Int32Array(0), true);
  assert.is(none.words.length, 0);
});

test("short residuals are damped by 1e-6 in their norm", () => {
  const codebook = makeCodebook(Float32Array.of(0, 0), 2);
  const rows = aggregate(codebook, Float32Array.of(1e-6, 0), Int32Array.of(0), Int32Array.of(0), false);
  close(rows.codes, [0.5, 0], 1e-6);
});

test("entries exactly at the threshold are kept", async () => {
  const codebook = makeCodebook(new Float32Array(32), 32);
  const signs = (ones: number) => Float32Array.from({ length: 32 }, (_, d) => (d < ones ? 1 : -1));
  const encode = (ones: number) => aggregate(codebook, signs(ones), Int32Array.of(0), Int32Array.of(0), true);
  const index = InvertedFile.create({ words: 1, dim: 32, binary: true, useIdf: false });
  await index.add(encode(32));
  const score = async (ones: number) =>
    (await scoreImages(index, [encode(ones)], { ...STANDARD, similarityThreshold: 0.5 }))[0][0];
  assert.equal([await score(24), await score(23)], [0.125, 0]);
  const float = (value: number) => ({
    ...{ dim: 1, words: Int32Array.of(0), images: Int32Array.of(0) },
    codes: Float32Array.of(value),
  });
  const floats = InvertedFile.create({ words: 1, dim: 1, binary: false, useIdf: false });
  await floats.add(float(1));
  const options = { ...STANDARD, similarityThreshold: 0.5 };
  const scores = await scoreImages(floats, [float(0.5), float(0.49)], options);
  assert.equal([scores[0][0], scores[1][0]], [0.125, 0]);
});

test("an image scores exactly 1 against itself, without idf and with equal assignments", async () => {
  const codebook = randomCodebook(64, 33, 7);
  const rows = randomRows(codebook, { images: 5, each: 30, seed: 8 });
  const index = InvertedFile.create({ words: 64, dim: 33, binary: true, useIdf: false });
  await index.add(rows);
  const rankings = await searchIndex(index, splitByImage(rows), { ...STANDARD, topk: 1 });
  rankings.forEach(({ ids, scores }, i) => {
    assert.is(ids[0], i);
    assert.ok(Math.abs(scores[0] - 1) < 1e-6);
  });
});

test("votes explain a score: they sum to it, for both kernels", async () => {
  for (const binary of [true, false]) {
    const codebook = randomCodebook(8, 24, 9);
    const index = InvertedFile.create({ words: 8, dim: 24, binary, useIdf: true });
    await index.add(randomRows(codebook, { images: 12, each: 4, seed: 10, binary }));
    const asmk = new Asmk({
      ...asmkParameters(),
      ...{ words: 8, size: 8, binary, useIdf: true, databaseAssignment: 1 },
    });
    asmk.useCodebook(codebook);
    asmk.useIndex(index);
    const query = randomRows(codebook, { images: 1, each: 6, seed: 11, binary, assignment: 3 });
    const { ids, scores } = await asmk.search(query);
    for (const [r, id] of ids.entries()) {
      const votes = await asmk.explain(query, id);
      assert.ok(Math.abs(votes.reduce((sum, v) => sum + v.vote, 0) - scores[r]) < 1e-6);
      assert.ok(votes.every((v, i) => i === 0 || v.vote <= votes[i - 1].vote));
    }
    assert.equal(await asmk.explain(query, 999), []);
  }
});

test("words that are in every image have idf 0; images of such words alone score 0, not NaN", async () => {
  const codebook = makeCodebook(Float32Array.of(0, 0, 10, 0), 2);
  const index = InvertedFile.create({ words: 2, dim: 2, binary: true, useIdf: true });
  const descriptors = Float32Array.of(1, 1, 1, 1, 11, 1);
  await index.add(aggregate(codebook, descriptors, Int32Array.of(0, 0, 1), Int32Array.of(0, 1, 1), true));
  assert.equal([...index.state().norms], [0, index.idf[1]]);
  const query = aggregate(codebook, descriptors, Int32Array.of(0, 0, 1), Int32Array.of(0, 0, 0), true);
  const [{ ids, scores }] = await searchIndex(index, [query], STANDARD);
  assert.equal([...ids], [1, 0]);
  assert.is(scores[1], 0);
  const [unknown] = await scoreImages(index, [sliceRows(query, 0, 0)], STANDARD);
  assert.equal([...unknown], [0, 0]);
});

test("rankings by heap and by sorting agree with a comparator, ties by id, negative scores last", () => {
  const random = new Mt19937(12);
  const scores = Float64Array.from({ length: 16000 }, () => {
    const u = random.nextU32();
    return u % 3 === 0 ? 0 : ((u >>> 4) % 97) / 7 - 3 + (u % 5 === 0 ? 1e-12 : 0);
  });
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  for (const topk of [null, 1, 2, 7, 100, 1999, 2001, 15999, 16000, 17000]) {
    const { ids, scores: sorted } = rankScores(scores, topk, 10);
    const want = order.slice(0, topk ?? 16000);
    assert.equal(
      [...ids],
      want.map((i) => i - 10),
      `topk ${topk}`,
    );
    assert.equal(
      [...sorted],
      want.map((i) => scores[i]),
    );
  }
  assert.is(rankScores(new Float64Array(0), null).ids.length, 0);
  assert.equal([...rankScores(Float64Array.of(0, -0, 0), 3).ids], [0, 1, 2]);
});

test("the class goes from descriptors to rankings, and says what is missing", async () => {
  const asmk = new Asmk(asmkParameters({ train_codebook: { codebook: { size: 6 } } }));
  assert.throws(() => asmk.codebook, /no codebook yet/);
  assert.throws(() => asmk.useCodebook(randomCodebook(7, 4, 1)), /expected 6 words .* got 7/);
  asmk.useCodebook(randomCodebook(6, 4, 1));
  const features = (seed: number, count = 10) => ({ count, dim: 4, descriptors: randomValues(count * 4, seed) });
  for (let id = 0; id < 5; id++) await asmk.addImage(id, features(id, id === 3 ? 0 : 10));
  const { ids, scores } = await asmk.search(features(2));
  assert.is(ids[0], 2);
  assert.is(ids.length, 5);
  assert.is(scores[ids.indexOf(3)], 0);
  assert.is((await asmk.search(features(2), { topk: 2 })).ids.length, 2);
  let message = "";
  await asmk.addImage(9, { count: 1, dim: 3, descriptors: new Float32Array(3) }).catch((e) => {
    message = e.message;
  });
  assert.match(message, /rows of 4 values for this codebook, got 1 × 3/);
  const other = InvertedFile.create({ words: 6, dim: 4, binary: false, useIdf: false });
  assert.throws(() => asmk.useIndex(other), /expected binary true, got false/);
});

test("sizes with suffix, and parameters that would give nonsense", () => {
  assert.equal(["64k", "1M", "1k", 20].map(parseSize), [65536, 1048576, 1024, 20]);
  for (const bad of ["64", "64K", "1m", "k", "", "-1k", 0, 1.5, -4]) assert.throws(() => parseSize(bad), isUsageError);
  assert.throws(
    () => asmkParameters({ query_ivf: { similarity: { similarity_threshold: -0.5, alpha: 2.5 } } }),
    /negative similarities/,
  );
  assert.throws(() => asmkParameters({ query_ivf: { quantise: {} } }), /query_ivf/);
  assert.is(asmkParameters({ build_ivf: { kernel: { binary: "nobin" } } }).binary, false);
  assert.is(asmkParameters().words, 65536);
  assert.throws(() => asmkParameters({ train_codebook: { codebook: { size: 4 } } }), /multiple_assignment/);
});

test.run();
