/** @file The smallest votes on a device: they count, keep their order, and rank before images without any. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CpuBackend } from "../../asmk/backend.js";
import { GpuBackend } from "../../asmk/gpu/backend.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import type { SearchOptions } from "../../asmk/parameters.js";
import type { WordRows } from "../../asmk/word-rows.js";
import { openDevice } from "../../engine/device.js";

const test = suite("asmk votes");
const device = await openDevice();
const backend = new GpuBackend(device);
const cpu = new CpuBackend();
const STANDARD: SearchOptions = { similarityThreshold: 0, alpha: 3, topk: null };
const WORDS = 700;

/** Words 0 … of one image each, whose first is word 0 with the given code. */
function rowsOf(
  dim: number,
  images: readonly { first: ArrayLike<number>; words: number }[],
  binary: boolean,
): WordRows {
  const length = binary ? dim / 32 : dim;
  const rows = images.flatMap(({ words }, image) => Array.from({ length: words }, (_, w) => ({ image, w })));
  const codes = binary ? new Uint32Array(rows.length * length) : new Float32Array(rows.length * length);
  for (const [r, { image, w }] of rows.entries())
    if (w === 0) codes.set(images[image].first, r * length);
    // a code that the queries' words do not meet: they have word 0 alone in common
    else if (!binary) codes[r * length] = 1;
  return { dim, codes, words: Int32Array.from(rows, (r) => r.w), images: Int32Array.from(rows, (r) => r.image) };
}

const query = (dim: number, codes: WordRows["codes"], words: number): WordRows => ({
  dim,
  codes,
  words: Int32Array.from({ length: words }, (_, w) => (w === 0 ? 0 : WORDS - w)),
  images: new Int32Array(words),
});

test("floats at nearly right angles: cubes of 1e-4 rank by size, before images that have no vote", async () => {
  const dim = 8;
  // by image: the cosine with the query; without a vote where it is 0 or below
  const cosines = [-0.1, 3e-4, 0, 1e-4, 2.9e-4, -1e-5, 2e-3, 1.01e-4, 0, 5e-5];
  const images = cosines.map((c) => ({ first: [c, Math.sqrt(1 - c * c), 0, 0, 0, 0, 0, 0], words: 3 }));
  const index = InvertedFile.create({ words: WORDS, dim, binary: false, useIdf: false });
  await index.add(rowsOf(dim, images, false));
  const own = new Float32Array(300 * dim);
  for (let r = 0; r < 300; r++) own[r * dim] = 1;
  const asked = [query(dim, own, 300)];
  const [got] = await backend.search(index, asked, STANDARD);
  const [want] = await cpu.search(index, asked, STANDARD);
  assert.equal([...got.ids], [6, 1, 4, 7, 3, 9, 0, 2, 5, 8]);
  assert.equal([...got.ids], [...want.ids]);
  for (const [r, score] of got.scores.entries())
    assert.ok(Math.abs(score - want.scores[r]) <= 1e-4 * want.scores[r], `${score} for ${want.scores[r]}`);
  assert.ok(got.scores[5] > 0 && got.scores[5] < 1e-14);
});

test("a vote below every quantum still counts", async () => {
  const dim = 8;
  const cosines = [0, 1e-7, 0];
  const images = cosines.map((c) => ({ first: [c, 1, 0, 0, 0, 0, 0, 0], words: 1 }));
  const index = InvertedFile.create({ words: WORDS, dim, binary: false, useIdf: false });
  await index.add(rowsOf(dim, images, false));
  const [got] = await backend.search(index, [query(dim, Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0), 1)], STANDARD);
  assert.equal([...got.ids], [1, 0, 2]);
  assert.ok(got.scores[0] > 0);
});

test("binary codes: one agreement more than half, in images of nearly equal size, ranks by size", async () => {
  const dim = 128;
  // 63 of 128 bits differ: similarity 1/64
  const first = Uint32Array.of(0xffffffff, 0x7fffffff, 0, 0);
  const images = [600, 602, 599, 601].map((words) => ({ first, words }));
  const index = InvertedFile.create({ words: WORDS, dim, binary: true, useIdf: false });
  await index.add(rowsOf(dim, images, true));
  const own = new Uint32Array(4 * 60);
  // all other words of the query differ from those of the images by more than half
  own.fill(0xffffffff, 4);
  const asked = [query(dim, own, 60)];
  for (const alpha of [3, 6]) {
    const [got] = await backend.search(index, asked, { ...STANDARD, alpha });
    const [want] = await cpu.search(index, asked, { ...STANDARD, alpha });
    assert.equal([...want.ids], [2, 0, 3, 1]);
    assert.equal([...got.ids], [...want.ids], `alpha ${alpha}`);
  }
});

test.after(() => {
  backend.destroy();
  device.close();
});
test.run();
