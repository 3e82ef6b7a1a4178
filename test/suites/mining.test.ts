/** @file Tuples: random streams, what an epoch draws, hard negatives against a full sort, rendered pairs. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import type { TrainingSet } from "../../data/datasets/types.js";
import type { LandmarkSet } from "../../data/landmarks/render.js";
import { drawEpoch } from "../../data/tuples/draw.js";
import { HardNegatives } from "../../data/tuples/hard-negatives.js";
import { renderedTrainingSet } from "../../data/tuples/rendered.js";
import { solarColumns } from "../../data/tuples/solar.js";
import { RandomStream } from "../../data/tuples/stream.js";
import { GoldenCase } from "../conformance/case.js";
import hardNegatives from "../conformance/kinds/hard_negatives.js";
import { randomValues } from "../support/random-rows.js";

const test = suite("mining");

test("a stream goes on from its state as if it had never stopped; labels and seeds make others", () => {
  const one = RandomStream.of(0, "epoch", 7, "flips");
  for (let i = 0; i < 10; i++) one.next();
  const copy = RandomStream.from(JSON.parse(JSON.stringify(one.state)));
  const rest = Array.from({ length: 5 }, () => one.next());
  assert.equal(
    Array.from({ length: 5 }, () => copy.next()),
    rest,
  );
  assert.is(RandomStream.of(0, "epoch", 7, "flips").at(11), rest[1]);
  const firsts = [
    RandomStream.of(0, "epoch", 8, "flips"),
    RandomStream.of(1, "epoch", 7, "flips"),
    RandomStream.of(0, "epoch", 7, "order"),
    RandomStream.of(0, "epoch", 7, "flips"),
  ].map((s) => s.next());
  assert.is(new Set(firsts).size, 4);
});

test("draws are even, and normal ones have mean 0 and deviation 1", () => {
  const stream = RandomStream.of(3, "even");
  const bins = new Int32Array(10);
  for (let i = 0; i < 20000; i++) bins[stream.below(10)]++;
  // Six deviations of a binomial: 2000 ± 255.
  assert.ok(
    bins.every((n) => Math.abs(n - 2000) < 255),
    [...bins].join(),
  );
  let [sum, squares] = [0, 0];
  for (let i = 0; i < 20000; i++) {
    const g = stream.gauss();
    sum += g;
    squares += g * g;
  }
  assert.ok(Math.abs(sum / 20000) < 0.045 && Math.abs(squares / 20000 - 1) < 0.06);
});

test("a permutation has every number once, and each is as often first", () => {
  const stream = RandomStream.of(1, "order");
  const first = new Int32Array(8);
  for (let i = 0; i < 8000; i++) {
    const p = stream.permutation(8);
    assert.is(new Set(p).size, 8);
    first[p[0]]++;
  }
  assert.ok(
    first.every((n) => Math.abs(n - 1000) < 180),
    [...first].join(),
  );
  assert.is(new Set(stream.permutation(100, 5)).size, 5);
});

/** 6 clusters of 5 images, each image paired with the next of its cluster. */
const set: TrainingSet = {
  name: "toy",
  images: Array.from({ length: 30 }, (_, i) => `${i}.jpg`),
  clusters: Int32Array.from({ length: 30 }, (_, i) => Math.floor(i / 5)),
  queries: Int32Array.from({ length: 24 }, (_, i) => i + Math.floor(i / 4)),
  positives: Int32Array.from({ length: 24 }, (_, i) => i + Math.floor(i / 4) + 1),
  warnings: [],
};

test("an epoch draws distinct pairs and a pool of distinct images, cut to what there is", () => {
  const draw = drawEpoch(set, { queries: 10, pool: 12, negatives: 2 }, RandomStream.of(0, "a"));
  assert.is(draw.queries.length, 10);
  for (const [i, q] of draw.queries.entries()) assert.is(draw.positives[i], q + 1);
  assert.is(new Set(draw.queries).size, 10);
  assert.is(new Set(draw.pool).size, 12);
  const all = drawEpoch(set, { queries: 2000, pool: 20000, negatives: 2 }, RandomStream.of(0, "a"));
  assert.equal([all.queries.length, all.pool.length], [24, 30]);
  assert.is(drawEpoch(set, { queries: 5, pool: 9, negatives: 0 }, RandomStream.of(0, "a")).pool.length, 0);
});

/** The rule as the reference has it: sort everything, walk down. */
function bySorting(rows: Float32Array[], query: number, clusters: number[], count: number): number[] {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((s, v, i) => s + v * b[i], 0);
  const order = rows.map((_, i) => i).sort((a, b) => dot(rows[b], rows[query]) - dot(rows[a], rows[query]) || a - b);
  const taken = new Set([clusters[query]]);
  const found: number[] = [];
  for (const i of order) {
    if (found.length === count) break;
    if (taken.has(clusters[i])) continue;
    taken.add(clusters[i]);
    found.push(i);
  }
  return found;
}

test("streaming the pool gives what a full sort gives, in any order of the pool", () => {
  const dim = 6;
  for (let seed = 0; seed < 40; seed++) {
    const rows = Array.from({ length: 60 }, (_, i) => randomValues(dim, 1000 * seed + i));
    const stream = RandomStream.of(seed, "clusters");
    const clusters = rows.map(() => stream.below(9));
    const queries = [3, 14, 41];
    const descriptors = Float32Array.from(queries.flatMap((q) => [...rows[q]]));
    const mining = new HardNegatives(
      descriptors,
      dim,
      Int32Array.from(queries, (q) => clusters[q]),
      5,
    );
    for (const i of stream.permutation(60)) mining.offer(i, clusters[i], rows[i]);
    const { images, meanDistance } = mining.result();
    const want = queries.flatMap((q) => bySorting(rows, q, clusters, 5));
    assert.equal([...images], want, `seed ${seed}`);
    const distances = want.map((n, k) =>
      Math.hypot(...rows[n].map((v, i) => rows[queries[Math.floor(k / 5)]][i] - v + 1e-6)),
    );
    assert.ok(Math.abs(meanDistance - distances.reduce((s, d) => s + d, 0) / 15) < 1e-6);
  }
});

test("a pool with too few clusters, and a descriptor that is no number, are told", () => {
  const mining = new HardNegatives(Float32Array.of(1, 0), 2, Int32Array.of(0), 2);
  mining.offer(1, 1, Float32Array.of(0, 1));
  mining.offer(2, 1, Float32Array.of(1, 1));
  mining.offer(3, 0, Float32Array.of(1, 1));
  assert.throws(() => mining.result(), /images of 2 clusters .* got 1; raise training\.dataset\.poolsize/);
  assert.throws(() => mining.offer(9, 2, Float32Array.of(Number.NaN, 0)), /image 9: value 0 of 2 is NaN/);
  assert.throws(() => new HardNegatives(new Float32Array(3), 2, Int32Array.of(0), 2), /expected 1 × 2 values, got 3/);
});

test("SOLAR's fault moves the last batch and leaves the end zero; full batches are in place", () => {
  assert.equal([...solarColumns(7, 3)], [0, 1, 6, 3, 4, 5, -1]);
  assert.equal([...solarColumns(6, 3)], [0, 1, 2, 3, 4, 5]);
});

test("views of rendered landmarks that share surface are pairs, distractors are negatives only", () => {
  const view = (image: string) => ({ image, query: false });
  const landmark = (id: string, images: string[], share: number[][], angle: number[][]) => ({
    id,
    views: images.map(view),
    share,
    angle,
  });
  const rendered = {
    landmarks: [
      landmark(
        "L0",
        ["a", "b", "c"],
        [
          [1, 0.5, 0.1],
          [0.1, 1, 0.9],
          [0.1, 0.9, 1],
        ],
        [
          [0, 20, 10],
          [20, 0, 80],
          [10, 80, 0],
        ],
      ),
    ],
    distractors: [landmark("D0", ["d"], [[1]], [[0]]), landmark("D1", ["e"], [[1]], [[0]])],
  } as unknown as LandmarkSet;
  const found = renderedTrainingSet("r", "/r", rendered);
  assert.equal(found.images, ["/r/a", "/r/b", "/r/c", "/r/d", "/r/e"]);
  assert.equal([...found.clusters], [0, 0, 0, 1, 2]);
  assert.equal([...found.queries], [0, 1]);
  assert.equal([...found.positives], [1, 0]);
  const none = { ...rendered, landmarks: [] } as LandmarkSet;
  assert.throws(
    () => renderedTrainingSet("r", "/r", none),
    (e: unknown) => e instanceof UsageError,
  );
});

for (const name of ["hard_negatives__cirtorch_basic", "hard_negatives__solar_batch_bug"]) {
  const dir = join(packageRoot(), "..", "shared", "golden", name);
  if (!existsSync(dir)) console.log(`skipped: ${name}, no ../shared/golden`);
  else
    test(`${name} as the reference chose them`, async () => {
      assert.equal(
        (await hardNegatives(new GoldenCase(dir))).filter((c) => !c.ok),
        [],
      );
    });
}

test.run();
