/** @file Average precision, precision at k, protocols: the worked examples of the specification, and properties. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomPermutation } from "../../base/random.js";
import { averagePrecision, precisionAt, scoreQuery } from "../../tasks/metrics/average-precision.js";
import { meanAveragePrecision } from "../../tasks/metrics/mean-average-precision.js";
import { headlineMap, isRevisited, relevanceAt, scoreDataset } from "../../tasks/metrics/protocol.js";
import { scoreKeys, scoreLines } from "../../tasks/metrics/score-report.js";

const test = suite("metrics");
const KAPPAS = [1, 5, 10];
const ranking = [3, 0, 1, 5, 2, 4];

const close = (got: readonly number[], want: readonly number[]) => {
  assert.is(got.length, want.length);
  for (const [i, w] of want.entries()) assert.ok(Math.abs(got[i] - w) < 5e-8, `[${i}] ${got[i]} for ${w}`);
};

test("the worked examples of the specification", () => {
  const score = (ok: number[], junk: number[]) => scoreQuery(ranking, { ok, junk }, KAPPAS);
  const a = score([0, 2], [3]);
  close([a.ap, ...a.precisionAt], [0.7083333333, 1, 0.5, 0.5]);
  const b = score([0, 2, 9], [3, 5]);
  close([b.ap, ...b.precisionAt], [0.5277777778, 1, 0.6666666667, 0.6666666667]);
  const c = score([0, 0, 2], [3, 0]);
  close([c.ap, ...c.precisionAt], [0.5277777778, 1, 0.6666666667, 0.6666666667]);
  assert.equal(score([9], [3]), { ap: 0, precisionAt: [0, 0, 0], positives: 1, found: 0, firstHit: null });
  const empty = score([], [3]);
  assert.ok([empty.ap, ...empty.precisionAt].every(Number.isNaN));
});

test("a list without junk counts none, and negative ids take places", () => {
  assert.equal(scoreQuery([-1, 4], { ok: [4] }, [1]), {
    ...{ ap: 0.25, precisionAt: [0], positives: 1, found: 1, firstHit: 2 },
  });
});

test("all positives first give 1, and later positives never raise the average precision", () => {
  for (let seed = 0; seed < 50; seed++) {
    const order = [...randomPermutation(60, seed)];
    const ok = order.slice(0, 7);
    assert.ok(Math.abs(scoreQuery(order, { ok }, []).ap - 1) < 1e-12);
    const shuffled = [...randomPermutation(60, seed + 1000)];
    const { ap } = scoreQuery(shuffled, { ok }, []);
    assert.ok(ap > 0 && ap <= 1);
    const last = shuffled.findLastIndex((id) => ok.includes(id));
    const later = shuffled.toSpliced(last, 1).concat(shuffled[last]);
    assert.ok(scoreQuery(later, { ok }, []).ap <= ap + 1e-15);
  }
});

test("junk acts as if it had never been ranked", () => {
  for (let seed = 0; seed < 50; seed++) {
    const order = [...randomPermutation(40, seed)];
    const [ok, junk] = [order.filter((id) => id % 5 === 0), order.filter((id) => id % 7 === 1)];
    const without = order.filter((id) => !junk.includes(id) || ok.includes(id));
    const clean = junk.filter((id) => !ok.includes(id));
    assert.equal(scoreQuery(order, { ok, junk: clean }, KAPPAS), scoreQuery(without, { ok }, KAPPAS));
  }
});

test("precision divides by the rank of the last positive when that is smaller than k", () => {
  assert.is(precisionAt([0, 2], 10), 2 / 3);
  assert.is(precisionAt([0, 2], 2), 1 / 2);
  assert.is(precisionAt([], 5), 0);
  assert.is(averagePrecision([1], 1), 0.25);
});

test("queries without positives are left out, those of which nothing was found count 0", () => {
  const truth = [{ ok: [0] }, { ok: [] }, { ok: [99] }];
  const score = meanAveragePrecision(
    [
      [0, 1],
      [0, 1],
      [0, 1],
    ],
    truth,
    [1],
  );
  assert.is(score.map, 0.5);
  assert.equal(score.meanPrecisionAt, [0.5]);
  assert.equal([score.empty, score.nothingFound], [[1], [2]]);
  assert.throws(() => meanAveragePrecision([[0]], [{ ok: [] }]), /none of the 1 queries has a positive/);
  assert.throws(() => meanAveragePrecision([[0]], truth), /one ranking for each of the 3 queries .* got 1/);
  assert.throws(() => meanAveragePrecision([[0], [0], [0], [0]], truth), /3 queries .* got 4/);
});

test("at level hard easy images are junk, at level easy hard ones are", () => {
  const record = { easy: [1], hard: [2], junk: [3] };
  assert.equal(relevanceAt("easy", record), { ok: [1], junk: [3, 2] });
  assert.equal(relevanceAt("medium", record), { ok: [1, 2], junk: [3] });
  assert.equal(relevanceAt("hard", record), { ok: [2], junk: [3, 1] });
  assert.ok(isRevisited("roxford5k") && isRevisited("rparis6k_small"));
  assert.not.ok(isRevisited("oxford5k") || isRevisited("val_eccv20"));
});

test("a level without positives is NaN while the others have means; the form of records is checked", () => {
  const score = scoreDataset("roxford5k", [[1, 2, 3]], [{ easy: [1], hard: [], junk: [] }]);
  const keys = scoreKeys(score);
  assert.is(keys.map_easy, 1);
  assert.is(keys.map_medium, 1);
  assert.ok(Number.isNaN(keys.map_hard));
  assert.is(headlineMap(score), 1);
  assert.throws(() => scoreDataset("roxford5k", [[1]], [{ easy: [], hard: [], junk: [] }]), /none of the 1 queries/);
  assert.throws(
    () => scoreDataset("roxford5k", [[1]], [{ ok: [1] }]),
    /query 0 of roxford5k — expected a record with easy/,
  );
  assert.throws(() => scoreDataset("mine", [[1]], [{ easy: [1], hard: [], junk: [] }]), /record with ok/);
});

test("score lines look like the reference's", () => {
  const revisited = scoreDataset("roxford5k", [[1, 9, 2]], [{ easy: [1], hard: [2], junk: [] }], KAPPAS);
  assert.equal(scoreLines("roxford5k", revisited), [
    "Evaluated roxford5k: mAP E: 100.0, M: 79.17, H: 25.0",
    "Evaluated roxford5k: mP@k(1, 5, 10) E: [100. 100. 100.], M: [100.    66.67  66.67], H: [ 0. 50. 50.]",
  ]);
  const plain = scoreDataset("val_eccv20", [[7, 1]], [{ ok: [1] }], [1, 5]);
  assert.equal(scoreLines("val_eccv20", plain), ["Evaluated val_eccv20: mAP 25.0, mP@k [ 0. 50.]"]);
});

test.run();
