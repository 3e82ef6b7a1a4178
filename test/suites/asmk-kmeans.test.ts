/** @file Random permutations and codebook training. */
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Assigner, CpuAssigner } from "../../asmk/assigner.js";
import { splitForEmptyClusters } from "../../asmk/empty-clusters.js";
import { type KmeansIteration, type KmeansOptions, type KmeansProgress, kmeans } from "../../asmk/kmeans.js";
import { ChunkedVectors, gatherRows, MemoryVectors, SelectedVectors, type VectorSource } from "../../asmk/vectors.js";
import { NumericError, UsageError } from "../../base/errors.js";
import { Mt19937, randomPermutation } from "../../base/random.js";
import { gridPoints, randomValues } from "../support/random-rows.js";

const test = suite("asmk-kmeans");

const train = (points: Float32Array, dim: number, words: number, options: KmeansOptions = {}) =>
  kmeans(new MemoryVectors(points, dim), words, new CpuAssigner(), options);

const hash = (values: Float32Array) =>
  createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex").slice(0, 16);

/** The error of a promise. */
async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (e) {
    return e as Error;
  }
  return assert.unreachable("expected an error") as never;
}

test("the twister gives the published first and ten-thousandth number of seed 5489", () => {
  const random = new Mt19937(5489);
  assert.is(random.nextU32(), 3499211612);
  for (let i = 1; i < 9999; i++) random.nextU32();
  assert.is(random.nextU32(), 4123659995);
});

test("permutations are those of the specification", () => {
  assert.equal([...randomPermutation(10, 1235)], [3, 2, 4, 9, 0, 7, 1, 5, 6, 8]);
  assert.equal([...randomPermutation(10, 1234)], [5, 4, 8, 2, 6, 9, 1, 7, 0, 3]);
  assert.equal([...randomPermutation(0, 1)], []);
  const p = randomPermutation(5000, 99);
  assert.equal(
    [...p].sort((a, b) => a - b),
    [...Array(5000).keys()],
  );
});

// Recorded from faiss 1.15.1 (CPU) on the same points: bits of the centroids, and empty clusters an iteration.
test("centroids equal those of faiss bit for bit, with ties, empty clusters and an early stop", async () => {
  const { centroids, history } = await train(gridPoints(600, 3, 5, 4), 3, 60, { blockSize: 64 });
  assert.is(hash(centroids), "e26c959f263ba9e8");
  assert.equal(
    history.map((h) => h.empty),
    [23, 14, 10, 7, 5, 4, 3, 3, 3],
  );
  assert.is(history[0].objective, 3.703125);
});

test("centroids equal those of faiss bit for bit when points are sub-sampled", async () => {
  const { centroids, points } = await train(gridPoints(5000, 5, 6, 1000), 5, 16);
  assert.is(points, 4096);
  assert.is(hash(centroids), "bb9c2847b8f8060f");
});

test("centroids equal those of faiss bit for bit in an odd dimension", async () => {
  const { centroids } = await train(gridPoints(900, 7, 7, 64), 7, 20, { blockSize: 900 });
  assert.is(hash(centroids), "abe2c5de81cab321");
});

test("reading a sub-sample forward gives the same centroids but for rounding", async () => {
  const points = randomValues(5000 * 4, 1);
  const reference = await train(points, 4, 16);
  const forward = await train(points, 4, 16, { sampleOrder: "source" });
  for (const [i, v] of reference.centroids.entries()) assert.ok(Math.abs(v - forward.centroids[i]) < 1e-5);
});

test("block size, chunks in memory and a continued run change nothing", async () => {
  const points = randomValues(3000 * 6, 2);
  const states: KmeansIteration[] = [];
  const onProgress = ({ finished }: KmeansProgress) => {
    if (finished) states.push({ ...finished, centroids: finished.centroids.slice() });
  };
  const whole = await train(points, 6, 40, { onProgress });
  const chunks = [0, 7, 7, 1500, 2999, 3000].map((end, i, all) => points.slice((all[i - 1] ?? 0) * 6, end * 6));
  const chunked = await kmeans(new ChunkedVectors(chunks, 6), 40, new CpuAssigner(), { blockSize: 113 });
  assert.equal(chunked.centroids, whole.centroids);
  assert.equal(chunked.history, whole.history);
  const resumed = await train(points, 6, 40, { resume: states[3] });
  assert.equal(resumed.centroids, whole.centroids);
  assert.equal(resumed.history, whole.history.slice(4));
});

test("the objective never rises while no cluster is empty, and is what the centroids cost", async () => {
  const points = randomValues(2000 * 3, 3);
  const seen: { objective: number; cost: number }[] = [];
  let centroids: Float32Array | undefined;
  const onProgress = ({ finished }: KmeansProgress) => {
    if (!finished) return;
    if (centroids) seen.push({ objective: finished.objective, cost: cost(points, centroids, 3) });
    centroids = finished.centroids.slice();
  };
  await train(points, 3, 25, { onProgress });
  assert.is(seen.length, 9);
  for (const [i, { objective, cost }] of seen.entries()) {
    assert.ok(Math.abs(objective / cost - 1) < 1e-6, `${objective} ${cost}`);
    if (i > 0) assert.ok(objective <= seen[i - 1].objective);
  }
});

/** Σ squared distance to the nearest centroid, the long way. */
function cost(points: Float32Array, centroids: Float32Array, dim: number): number {
  let sum = 0;
  for (let i = 0; i < points.length; i += dim) {
    let best = Number.POSITIVE_INFINITY;
    for (let c = 0; c < centroids.length; c += dim) {
      let d2 = 0;
      for (let d = 0; d < dim; d++) d2 += (points[i + d] - centroids[c + d]) ** 2;
      best = Math.min(best, d2);
    }
    sum += best;
  }
  return sum;
}

test("as many points as words are taken as they are", async () => {
  const points = randomValues(12 * 5, 4);
  const { centroids, history } = await train(points, 5, 12);
  assert.equal(centroids, points);
  assert.is.not(centroids, points);
  assert.equal(history, []);
});

test("an empty cluster takes half of another one, shifted apart by 1/1024", () => {
  const counts = Float32Array.of(9, 0);
  const centroids = Float32Array.of(1, 2, 3, 0, 0, 0);
  assert.is(splitForEmptyClusters(counts, centroids, 3, 10), 1);
  assert.equal([...counts], [4.5, 4.5]);
  const up = 1025 / 1024;
  const down = 1023 / 1024;
  assert.equal([...centroids], [down, 2 * up, 3 * down, up, 2 * down, 3 * up]);
});

test("after ten refusals a word, the largest cluster is split instead of a drawn one", () => {
  const counts = Float32Array.of(2, 2, 2, 2, 0, 2, 2, 3, 2, 2);
  assert.is(splitForEmptyClusters(counts, new Float32Array(10), 1, 10_000), 1);
  assert.equal([...counts], [2, 2, 2, 2, 1.5, 2, 2, 1.5, 2, 2]);
  // Counts of at most 1 are never drawn at all.
  const single = Float32Array.of(1, 0, 1);
  assert.is(splitForEmptyClusters(single, new Float32Array(3), 1, 100), 1);
  assert.equal([...single], [0.5, 0.5, 1]);
});

test("too few points and values that are no numbers are errors with a name", async () => {
  const few = await failure(train(randomValues(3 * 2, 1), 2, 4));
  assert.instance(few, UsageError);
  assert.match(few.message, /at least 4 descriptors for 4 words, got 3/);
  const points = randomValues(100 * 2, 1);
  points[2 * 77 + 1] = Number.NaN;
  const bad = await failure(train(points, 2, 4, { blockSize: 10 }));
  assert.instance(bad, NumericError);
  assert.match(bad.message, /value 1 of row 77 is NaN/);
  assert.throws(() => new MemoryVectors(new Float32Array(7), 2), /multiple of 2 values, got 7/);
});

test("few points are worth a warning, and a run can be aborted", async () => {
  const warnings: string[] = [];
  await train(randomValues(38 * 4, 1), 1, 4, { onWarning: (text) => warnings.push(text) });
  assert.match(warnings[0], /152 descriptors for 4 words; at least 156/);
  const stop = new AbortController();
  const onProgress = ({ iteration, done }: KmeansProgress) => {
    if (iteration === 2 && done > 500) stop.abort(new Error("enough"));
  };
  const error = await failure(train(randomValues(1000, 1), 1, 4, { blockSize: 100, signal: stop.signal, onProgress }));
  assert.is(error.message, "enough");
});

test("a failing source or assigner rejects, also while the next block is under way", async () => {
  const points = randomValues(1000, 1);
  const source: VectorSource = {
    ...{ count: 1000, dim: 1 },
    read: async (begin, end) => {
      if (begin === 300) throw new Error("disk");
      return points.subarray(begin, end);
    },
  };
  assert.is((await failure(kmeans(source, 4, new CpuAssigner(), { blockSize: 100 }))).message, "disk");
  class Broken extends CpuAssigner implements Assigner {
    override assign(): never {
      throw new Error("device lost");
    }
  }
  assert.is((await failure(kmeans(new MemoryVectors(points, 1), 4, new Broken()))).message, "device lost");
});

test("rows are gathered in any order, near ones by one read", async () => {
  const values = Float32Array.from({ length: 200 }, (_, i) => i);
  const reads: string[] = [];
  const source: VectorSource = {
    ...{ count: 100, dim: 2 },
    read: (begin, end) => {
      reads.push(`${begin}-${end}`);
      return values.subarray(2 * begin, 2 * end);
    },
  };
  const rows = Uint32Array.of(3, 5, 6, 50, 49, 49, 99);
  assert.equal(
    [...(await gatherRows(source, rows))],
    [...rows].flatMap((r) => [2 * r, 2 * r + 1]),
  );
  assert.equal(reads, ["3-7", "50-51", "49-50", "49-50", "99-100"]);
  const selected = new SelectedVectors(source, rows);
  assert.is(selected.count, 7);
  assert.equal([...(await selected.read(3, 5))], [100, 101, 98, 99]);
});

test.run();
