/** @file The inverted file: chunks, segments, distractors, statistics. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { indexStatistics } from "../../asmk/index-statistics.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { searchIndex } from "../../asmk/search.js";
import { buildSegment, mergeSegments } from "../../asmk/segment.js";
import { sliceRows, splitByImage, type WordRows } from "../../asmk/word-rows.js";
import { randomCodebook, randomRows } from "../support/random-rows.js";

const test = suite("asmk-index");
const STANDARD = { topk: null, similarityThreshold: 0, alpha: 3 };
const WORDS = 40;
const DIM = 20;
const codebook = randomCodebook(WORDS, DIM, 1);
const rows = randomRows(codebook, { images: 30, each: 12, seed: 2 });
const queries = splitByImage(randomRows(codebook, { images: 4, each: 10, seed: 3, assignment: 3 }));
const images = splitByImage(rows);

const empty = (useIdf: boolean, segmentEntries?: number) =>
  InvertedFile.create({ words: WORDS, dim: DIM, binary: true, useIdf }, segmentEntries);

/** Lists, norms, idf and rankings: all that a user of an index can see. */
async function visible(index: InvertedFile) {
  const lists = await Promise.all([...index.counts.keys()].map((w) => index.entriesOf(w)));
  return {
    lists: lists.map(({ images, codes }) => [[...images], [...codes]]),
    norms: [...index.state().norms],
    idf: [...index.idf],
    rankings: (await searchIndex(index, queries, STANDARD)).map((r) => [[...r.ids], [...r.scores]]),
  };
}

test("one call, image by image, and any size of segment give the same index and scores bit for bit", async () => {
  for (const useIdf of [false, true]) {
    const whole = empty(useIdf);
    await whole.add(rows);
    for (const capacity of [1, 25, 100, 1000]) {
      const pieces = empty(useIdf, capacity);
      for (const image of images) pieces.append(image);
      await pieces.commit();
      assert.equal(await visible(pieces), await visible(whole), `capacity ${capacity}`);
      if (capacity === 25) assert.ok(pieces.segments.length >= 15);
    }
  }
});

test("segments hold whole images, at most their capacity, and small ones are joined", async () => {
  const index = empty(false, 60);
  for (const image of images) await index.add(image);
  let first = 0;
  for (const ref of index.segments) {
    const { images, firstImage, endImage } = await ref.load();
    assert.is(firstImage, first);
    assert.ok(images.every((id) => id >= firstImage && id < endImage));
    assert.ok(ref.entries <= 60);
    first = endImage;
  }
  assert.ok(index.segments.length < 15, `${index.segments.length} segments for 30 images`);
  assert.is(index.entryCount, rows.words.length);
});

test("a second chunk leaves the idf of words it does not touch; without idf chunks do not matter", async () => {
  const cut = rows.words.length - images[29].words.length;
  const two = empty(true);
  await two.add(sliceRows(rows, 0, cut));
  const before = two.idf.slice();
  await two.add(sliceRows(rows, cut, rows.words.length));
  const one = empty(true);
  await one.add(rows);
  assert.equal(one.counts, two.counts);
  let stale = 0;
  for (let w = 0; w < WORDS; w++) {
    assert.is(one.idf[w], one.counts[w] ? Math.fround(Math.log(30 / one.counts[w]) ** 2) : 1);
    if (images[29].words.includes(w)) assert.is(two.idf[w], one.idf[w]);
    else {
      assert.is(two.idf[w], before[w]);
      if (two.idf[w] !== one.idf[w]) stale++;
    }
  }
  assert.ok(stale > 10, `${stale} stale weights`);
  const [plainOne, plainTwo] = [empty(false), empty(false)];
  await plainOne.add(rows);
  for (const image of images) await plainTwo.add(image);
  assert.equal(await visible(plainOne), await visible(plainTwo));
});

test("norms are word counts, or sums of idf over the entries of all lists", async () => {
  const index = empty(true);
  for (const image of images) await index.add(image);
  const norms = index.state().norms;
  for (const [id, image] of images.entries()) {
    const sum = [...image.words].reduce((n, w) => n + index.idf[w], 0);
    assert.is(norms[id], sum);
  }
});

test("distractors come first, with negative ids, and stay as they were", async () => {
  const distractors = empty(false);
  await distractors.add(sliceRows(rows, 0, rows.images.filter((id) => id < 20).length));
  const stored = await visible(distractors);
  const index = distractors.asDistractors();
  const real = images.slice(20, 25).map((r, i) => ({ ...r, images: new Int32Array(r.images.length).fill(i) }));
  const ids = real[0].images.slice();
  for (const image of real) await index.add(image);
  assert.equal(real[0].images, ids, "the caller's ids are not changed");
  assert.is(index.imageCount, 25);
  const [ranking] = await searchIndex(index, [queries[0]], STANDARD);
  assert.equal(
    [...ranking.ids].sort((a, b) => a - b),
    Array.from({ length: 25 }, (_, i) => i - 20),
  );
  const plain = empty(false);
  await plain.add(sliceRows(rows, 0, rows.images.filter((id) => id < 25).length));
  const [same] = await searchIndex(plain, [queries[0]], STANDARD);
  assert.equal(
    [...ranking.ids],
    [...same.ids].map((id) => id - 20),
  );
  assert.equal(ranking.scores, same.scores);
  assert.equal(await visible(distractors), stored);
  assert.throws(() => index.append(images[3]), /expected at least 5, got 3/);
});

test("gaps in ids are images that never score; ids must rise from chunk to chunk", async () => {
  const index = empty(false);
  await index.add(images[4]);
  assert.is(index.imageCount, 5);
  assert.equal([...index.state().norms], [0, 0, 0, 0, images[4].words.length]);
  const [{ ids, scores }] = await searchIndex(index, [images[4]], STANDARD);
  assert.equal([...ids], [4, 0, 1, 2, 3]);
  assert.equal([...scores.subarray(1)], [0, 0, 0, 0]);
  assert.throws(() => index.append(images[4]), /image ids must rise: expected at least 5, got 4/);
});

test("rows that do not fit are refused and leave the index as it was", async () => {
  const index = empty(false);
  await index.add(images[0]);
  const before = await visible(index);
  const good = images[1];
  const bad: [Partial<WordRows>, RegExp][] = [
    [{ dim: 21 }, /dimension 20, got binary of dimension 21/],
    [{ codes: new Float32Array(good.codes.length * 20) }, /expected binary codes/],
    [{ words: good.words.map((w) => w + WORDS) }, /outside 0 … 39/],
    [{ words: good.words.toReversed() }, /words of image 1 must rise/],
    [{ words: good.words.subarray(1) }, /as many words as image ids/],
    [{ images: good.images.map((_, i) => (i === 0 ? 2 : 1)) }, /image ids must rise/],
  ];
  for (const [change, message] of bad) assert.throws(() => index.append({ ...good, ...change }), message);
  assert.equal(await visible(index), before);
});

test("an open chunk cannot be searched, nor can other codes", async () => {
  const index = empty(false);
  index.append(images[0]);
  const failure = async (query: WordRows) => {
    let message = "";
    await searchIndex(index, [query], STANDARD).catch((e) => {
      message = e.message;
    });
    return message;
  };
  assert.match(await failure(images[0]), /call commit\(\) first/);
  await index.commit();
  const other = randomRows(randomCodebook(WORDS, 12, 1), { images: 1, each: 3, seed: 1 });
  assert.match(await failure(other), /dimension 20, got binary of dimension 12/);
  assert.match(await failure({ ...images[0], words: images[0].words.map(() => 40) }), /word id 40/);
});

test("merging two segments equals building one", () => {
  const [a, b] = [images.slice(0, 13), images.slice(13)];
  const build = (parts: WordRows[]) => buildSegment(parts, WORDS, DIM, true);
  assert.equal(mergeSegments(build(a), build(b)), build(images));
});

test("statistics are exact where 32-bit square sums overflow", () => {
  const counts = new Int32Array(4).fill(100_000);
  counts[3] = 0;
  const s = indexStatistics({ counts, imageCount: 100_000 });
  assert.is(s.imbalance_factor_of_vw, 4 / 3);
  assert.is(s.vectors_per_image, 3);
  assert.is(s.mean_entries_per_vw, 75_000);
  assert.is(s.std_of_entries_per_vw, Math.sqrt((3 * 25_000 ** 2 + 75_000 ** 2) / 4));
  assert.equal([s.min_entries_per_vw, s.max_entries_per_vw, s.empty_vw], [0, 100_000, 1]);
});

test.run();
