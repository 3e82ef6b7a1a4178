/** @file Nearest binary codes on a device against the CPU twin: shapes, ties, shards, blocks of queries; all exact. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HammingCodes, type HammingKernel } from "../../asmk/gpu/hamming-topk.js";
import { hammingDistance } from "../../asmk/hamming.js";
import { hammingTopK, type NearestCodes } from "../../asmk/nearest-codes.js";
import { Mt19937 } from "../../base/random.js";
import { type Device, openDevice } from "../../engine/device.js";

const test = suite("asmk-hamming");
const device = await openDevice();
// shards of 8192 codes of 128 bits, and some hundred queries at once
const narrow = await openDevice({ maxBinding: 2 ** 17 });
const KERNELS: readonly (HammingKernel | undefined)[] = [undefined, "subgroup", "plain"];

function draw(count: number, seed: number, mask = 0xffffffff): Uint32Array {
  const random = new Mt19937(seed);
  return Uint32Array.from({ length: count }, () => random.nextU32() & mask);
}

async function search(
  d: Device,
  codes: Uint32Array,
  asked: Uint32Array,
  length: number,
  k: number,
  as?: HammingKernel,
) {
  const own = new HammingCodes(d, codes, length, as);
  const found = await own.topK(asked, k);
  own.free();
  return found;
}

/** On both devices, by every kernel. */
async function assertNearest(codes: Uint32Array, asked: Uint32Array, length: number, k: number): Promise<void> {
  const want = hammingTopK(codes, asked, length, k);
  for (const d of [device, narrow])
    for (const kernel of KERNELS) {
      const found = await search(d, codes, asked, length, k, kernel);
      assert.is(found.k, want.k);
      assert.is(found.indices.length, want.indices.length);
      assert.is(found.distances.length, want.distances.length);
      // one line, where the difference of long lists would take minutes
      const wrong = want.indices.findIndex((index, i) => {
        return found.indices[i] !== index || found.distances[i] !== want.distances[i];
      });
      assert.ok(
        wrong < 0,
        `${codes.length / length} codes, k ${k}, ${kernel ?? "own kernel"}, query ${Math.floor(wrong / want.k)}: ` +
          `${found.indices[wrong]} at ${found.distances[wrong]} for ${want.indices[wrong]} at ${want.distances[wrong]}`,
      );
    }
}

test("the twin sorts all codes by distance and index", () => {
  const [codes, asked] = [draw(300 * 2, 1, 0x1111), draw(4 * 2, 2, 0x1111)];
  const { k, indices, distances } = hammingTopK(codes, asked, 2, 70);
  assert.is(k, 70);
  for (let q = 0; q < 4; q++) {
    const all = Array.from({ length: 300 }, (_, i) => ({ i, bits: hammingDistance(asked, q, codes, i, 2) }));
    all.sort((a, b) => a.bits - b.bits || a.i - b.i);
    assert.equal(
      [...indices.subarray(q * k, (q + 1) * k)],
      all.slice(0, k).map(({ i }) => i),
    );
    assert.equal(
      [...distances.subarray(q * k, (q + 1) * k)],
      all.slice(0, k).map(({ bits }) => bits),
    );
  }
});

const CASES = [
  { count: 5000, queries: 37, k: 10 },
  { count: 65, queries: 40, k: 1 },
  { count: 1, queries: 1, k: 5 },
  { count: 6, queries: 4, k: 3 },
  { count: 20000, queries: 5, k: 3 },
];
// long lists are other kernels once more: one length is enough, and one list for the longest codes
const LENGTHS: readonly [number, typeof CASES][] = [
  ...[1, 2, 3, 6].map((length): [number, typeof CASES] => [length, CASES]),
  [4, [...CASES, { count: 64, queries: 3, k: 64 }]],
  [31, CASES.slice(3)],
];

for (const [length, cases] of LENGTHS)
  test(`nearest codes of ${length * 32} bits are the twin's, ties by index`, async () => {
    for (const { count, queries, k } of cases) {
      const codes = draw(count * length, length);
      // doubles far apart, which tie
      codes.copyWithin(Math.max(0, codes.length - 20 * length), 0, 20 * length);
      const asked = draw(queries * length, 90 + length);
      asked.set(codes.subarray(0, length));
      // what a read beyond the last code could find
      asked.set(codes.subarray(-length), asked.length - length);
      if (queries > 2) asked.fill(0, length, 2 * length);
      await assertNearest(codes, asked, length, k);
    }
  });

test("codes of few distinct values tie within groups and across them", async () => {
  // eight values: a group holds many codes of each distance, and groups whose nearest differ tie further down
  for (const mask of [0, 0x7, 0x10101])
    for (const k of [1, 10, 64]) await assertNearest(draw(9000 * 4, 3, mask), draw(30 * 4, 4, mask), 4, k);
});

test("where every group ties in turn the lowest indices win", async () => {
  // group g holds one code of distance 0 … 9, in descending order of groups, and else codes of distance 10
  const codes = new Uint32Array(200 * 64).fill(0x3ff);
  for (let g = 0; g < 200; g++) codes[g * 64 + ((g * 7) % 64)] = (1 << ((199 - g) % 10)) - 1;
  for (const k of [10, 15, 64]) await assertNearest(codes, Uint32Array.of(0, 0x1f, 0x3ff, 0xffffffff), 1, k);
});

test("the last code of the last group that is looked at can be the last neighbour", async () => {
  const codes = new Uint32Array(200 * 64).fill(0xffffffff);
  for (let g = 0; g < 200; g++) codes[g * 64 + 63] = (1 << (g % 20)) - 1;
  for (const k of [1, 3, 10]) await assertNearest(codes, Uint32Array.of(0, 0xff, 0xffffffff), 1, k);
});

test("lists of several shards and blocks of queries join", async () => {
  const [codes, asked] = [draw(20000 * 4, 5, 0x00ff00ff), draw(600 * 4, 6, 0x00ff00ff)];
  await assertNearest(codes, asked, 4, 10);
  // one group only, so that lists are longer than columns of keys
  await assertNearest(codes.subarray(0, 100 * 4), asked, 4, 64);
});

test("a last shard of fewer codes than neighbours adds what it has", async () => {
  const codes = draw((8192 + 3) * 4, 7);
  const asked = codes.slice(-8 * 4);
  await assertNearest(codes, asked, 4, 64);
});

test("numbers of codes use all bits of a key", async () => {
  const border = 2 ** 22;
  const codes = new Uint32Array(border + 1000).fill(0xffff);
  const near = [5, border - 64, border - 1, border, border + 64, border + 999];
  near.forEach((at, i) => {
    codes[at] = i % 2;
  });
  for (const kernel of KERNELS) {
    const found = await search(device, codes, Uint32Array.of(0, 1, 0xffffffff), 1, 8, kernel);
    const even = [near[0], near[2], near[4]];
    const odd = [near[1], near[3], near[5]];
    assert.equal([...found.indices], [...even, ...odd, 0, 1, ...odd, ...even, 0, 1, 0, 1, 2, 3, 4, 6, 7, 8]);
    assert.equal([...found.distances], [0, 0, 0, 1, 1, 1, 16, 16, 0, 0, 0, 1, 1, 1, 15, 15, ...new Array(8).fill(16)]);
  }
});

test("without codes or without queries nothing is found", async () => {
  const none = new Uint32Array(0);
  const nothing = (k: number): NearestCodes => ({ k, indices: none, distances: none });
  assert.equal(await search(device, none, new Uint32Array(8), 4, 10), nothing(0));
  assert.equal(await search(device, new Uint32Array(8), none, 4, 10), nothing(2));
});

test("searches that overlap do not disturb each other", async () => {
  const codes = draw(3000 * 4, 8);
  const own = new HammingCodes(device, codes, 4);
  const asked = [9, 10, 11].map((seed) => draw(50 * 4, seed));
  const found = await Promise.all(asked.map((a) => own.topK(a, 10)));
  own.free();
  assert.equal(
    found,
    asked.map((a) => hammingTopK(codes, a, 4, 10)),
  );
});

test("nearest codes refuse what they cannot do", async () => {
  const codes = new HammingCodes(device, new Uint32Array(8), 4);
  for (const k of [0, 65, 1.5])
    await codes.topK(new Uint32Array(4), k).then(
      () => assert.unreachable("expected an error"),
      (e: Error) => assert.match(e.message, /k from 1 to 64/),
    );
  assert.throws(() => new HammingCodes(device, new Uint32Array(7), 4), /rows of 4 u32/);
  codes.free();
});

test("at the end nothing is left on the devices", () => {
  assert.is(device.liveBytes, 0);
  assert.is(narrow.liveBytes, 0);
});

test.after(() => {
  device.close();
  narrow.close();
});
test.run();
