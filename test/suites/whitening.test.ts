/** @file Whitening: the eigen-solver on awkward matrices, covariance in pieces, and what whitened descriptors look like. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NumericError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { cholesky, invertLower } from "../../nets/whitening/cholesky.js";
import { Covariance } from "../../nets/whitening/covariance.js";
import { learnWhitening } from "../../nets/whitening/learned.js";
import { asConvolution, pcaWhitening } from "../../nets/whitening/pca.js";
import { symmetricEigen } from "../../nets/whitening/symmetric-eigen.js";
import { GoldenCase } from "../conformance/case.js";
import pcaCases from "../conformance/kinds/pca_whitening.js";
import { randomValues } from "../support/random-rows.js";

const test = suite("whitening");

/** Largest errors of A·v = λ·v and of VᵀV = I, beside the largest value of A. */
function eigenErrors(a: Float64Array, n: number): { residual: number; orthogonality: number } {
  const { values, vectors } = symmetricEigen(a, n);
  const size = a.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-300);
  let residual = 0;
  let orthogonality = 0;
  for (let i = 0; i < n; i++) {
    if (i > 0) assert.ok(values[i] <= values[i - 1], "descending");
    for (let r = 0; r < n; r++) {
      let av = 0;
      let dot = 0;
      for (let k = 0; k < n; k++) {
        av += a[r * n + k] * vectors[i * n + k];
        dot += vectors[r * n + k] * vectors[i * n + k];
      }
      residual = Math.max(residual, Math.abs(av - values[i] * vectors[i * n + r]) / size);
      orthogonality = Math.max(orthogonality, Math.abs(dot - (r === i ? 1 : 0)));
    }
  }
  return { residual, orthogonality };
}

function symmetric(n: number, value: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, k) => {
    const [i, j] = [Math.floor(k / n), k % n];
    return i <= j ? value(i, j) : value(j, i);
  });
}

test("eigenvectors of random, graded, repeated, singular and diagonal matrices", () => {
  const noise = randomValues(60 * 60, 3);
  const matrices: [string, Float64Array, number][] = [
    ["random", symmetric(60, (i, j) => noise[i * 60 + j]), 60],
    ["graded", symmetric(30, (i, j) => noise[i * 60 + j] * 10 ** (-(i + j) / 4)), 30],
    ["all ones", symmetric(20, () => 1), 20],
    ["identity", symmetric(12, (i, j) => (i === j ? 1 : 0)), 12],
    ["zero", new Float64Array(49), 7],
    ["diagonal", symmetric(9, (i, j) => (i === j ? i - 4 : 0)), 9],
    ["one", Float64Array.of(-3), 1],
    ["two", Float64Array.of(2, 1, 1, 2), 2],
  ];
  for (const [name, a, n] of matrices) {
    const { residual, orthogonality } = eigenErrors(a, n);
    // A few times n·ε.
    assert.ok(residual < 1e-13 && orthogonality < 1e-13, `${name}: ${residual} ${orthogonality}`);
  }
  assert.equal([...symmetricEigen(Float64Array.of(2, 1, 1, 2), 2).values].map(Math.round), [3, 1]);
  assert.throws(() => symmetricEigen(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2), /value 1 of 4 is NaN/);
});

test("the covariance is that of the definition, and the same to the bit however the rows arrive", () => {
  const [n, dim] = [300, 7];
  const rows = randomValues(n * dim, 5).map((v, i) => v * (1 + (i % dim)) + 1000);
  const whole = new Covariance(dim);
  whole.add(rows);
  const { mean, covariance } = whole.result();
  const pieces = new Covariance(dim);
  for (let at = 0; at < n; at += 17) pieces.add(rows.subarray(at * dim, Math.min(n, at + 17) * dim));
  assert.is(pieces.count, n);
  assert.equal(pieces.result(), { mean, covariance });
  for (let i = 0; i < dim; i++)
    for (let j = 0; j < dim; j++) {
      let [mi, mj, mij] = [0, 0, 0];
      for (let r = 0; r < n; r++) {
        mi += rows[r * dim + i] / n;
        mj += rows[r * dim + j] / n;
      }
      for (let r = 0; r < n; r++) mij += ((rows[r * dim + i] - mi) * (rows[r * dim + j] - mj)) / n;
      // The offset of 1000 would cost six digits if it were not subtracted first.
      assert.ok(Math.abs(covariance[i * dim + j] - mij) < 1e-9, `${i} ${j}`);
    }
});

/** n rows of dim values mixed so that all directions differ. */
function mixed(n: number, dim: number): Float32Array {
  const noise = randomValues(n * dim, 8);
  return noise.map((v, i) => v * (0.2 + (i % dim)) + (i % dim > 0 ? 0.5 * noise[i - 1] : 0) + 0.1 * (i % dim));
}

function statistics(rows: Float32Array, dim: number): Covariance {
  const covariance = new Covariance(dim);
  covariance.add(rows);
  return covariance;
}

test("descriptors through the convolution have mean 0 and covariance I; half a shrinkage keeps the root of the variance", () => {
  const [n, dim, kept] = [500, 10, 6];
  const rows = mixed(n, dim);
  for (const shrinkage of [1, 0.5, 0]) {
    const found = pcaWhitening(statistics(rows, dim), kept, shrinkage);
    const { weight, bias } = asConvolution(found);
    const out = new Covariance(kept);
    const y = new Float64Array(kept);
    for (let r = 0; r < n; r++) {
      for (let i = 0; i < kept; i++) {
        y[i] = bias[i];
        for (let k = 0; k < dim; k++) y[i] += weight[i * dim + k] * rows[r * dim + k];
      }
      out.add(y);
    }
    const { mean, covariance } = out.result();
    for (let i = 0; i < kept; i++) {
      assert.ok(Math.abs(mean[i]) < 1e-5, `mean ${mean[i]}`);
      for (let j = 0; j < kept; j++) {
        const want = i === j ? found.eigenvalues[i] ** (1 - shrinkage) : 0;
        assert.ok(Math.abs(covariance[i * kept + j] - want) < 1e-5 * Math.max(1, want), `${shrinkage} ${i} ${j}`);
      }
    }
  }
});

test("too few or too uniform descriptors are told with the way out", () => {
  const few = () => pcaWhitening(statistics(mixed(6, 10), 10), 6);
  assert.throws(few, /at least 7 descriptors, got 6.*initialize_dim_reduction\.images/);
  const uniform = mixed(50, 10).map((v, i) => (i % 10 < 3 ? v : 0));
  assert.throws(() => pcaWhitening(statistics(uniform, 10), 6), /span only 3 of the 6/);
  assert.throws(() => pcaWhitening(statistics(mixed(50, 10), 10), 11), /11 components of 10-dimensional/);
  assert.throws(() => new Covariance(4).result(), /no descriptors/);
  assert.throws(
    () => new Covariance(2).add(Float32Array.of(1, Number.POSITIVE_INFINITY)),
    (e: unknown) => e instanceof NumericError,
  );
});

test("a Cholesky factor multiplies back, and a singular matrix gets the least diagonal that works", () => {
  const noise = randomValues(8 * 8, 4);
  const a = new Float64Array(64);
  for (let i = 0; i < 8; i++)
    for (let j = 0; j < 8; j++) for (let k = 0; k < 8; k++) a[i * 8 + j] += noise[i * 8 + k] * noise[j * 8 + k];
  const { lower, boost } = cholesky(a, 8);
  assert.is(boost, 0);
  const inverse = invertLower(lower, 8);
  for (let i = 0; i < 8; i++)
    for (let j = 0; j < 8; j++) {
      let [back, unit] = [0, 0];
      for (let k = 0; k < 8; k++) {
        back += lower[i * 8 + k] * lower[j * 8 + k];
        unit += lower[i * 8 + k] * inverse[k * 8 + j];
      }
      assert.ok(Math.abs(back - a[i * 8 + j]) < 1e-12 && Math.abs(unit - (i === j ? 1 : 0)) < 1e-10);
    }
  assert.is(cholesky(Float64Array.of(1, 1, 1, 1), 2).boost, 1e-10);
  assert.throws(
    () => cholesky(Float64Array.of(0, 5, 5, 0), 2),
    (e: unknown) => e instanceof NumericError,
  );
});

test("learned whitening makes the differences of pairs spherical", () => {
  const [n, dim] = [200, 6];
  const rows = mixed(n, dim);
  const queries = Int32Array.from({ length: n / 2 }, (_, i) => 2 * i);
  const positives = queries.map((q) => q + 1);
  const { projection } = learnWhitening(rows, dim, queries, positives);
  const scatter = new Float64Array(dim * dim);
  for (const [p, q] of queries.entries()) {
    const y = Array.from({ length: dim }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < dim; k++) sum += projection[i * dim + k] * (rows[q * dim + k] - rows[positives[p] * dim + k]);
      return sum;
    });
    for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) scatter[i * dim + j] += (y[i] * y[j]) / queries.length;
  }
  for (let i = 0; i < dim; i++)
    for (let j = 0; j < dim; j++) assert.ok(Math.abs(scatter[i * dim + j] - (i === j ? 1 : 0)) < 1e-10);
});

for (const name of ["pca_whitening__how_n400_d24", "pca_whitening__cirtorch_learned_d16"]) {
  const dir = join(packageRoot(), "..", "shared", "golden", name);
  if (!existsSync(dir)) console.log(`skipped: ${name}, no ../shared/golden`);
  else
    test(`${name} as the reference computed it`, async () => {
      assert.equal(
        (await pcaCases(new GoldenCase(dir))).filter((c) => !c.ok),
        [],
      );
    });
}

test.run();
