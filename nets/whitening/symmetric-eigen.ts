/**
 * @file Eigenvalues and eigenvectors of a real symmetric matrix in float64: Householder reduction to tridiagonal form, then
 * implicit QL (Bowdler, Martin, Reinsch, Wilkinson: EISPACK tred2 and tql2). About 9·n³ operations: 3 s for n = 1024.
 * The matrix of vectors is kept transposed, so that every inner loop runs along memory.
 */
import { NumericError } from "../../base/errors.js";
import { requireFinite } from "../../base/finite.js";

export interface SymmetricEigen {
  /** Descending. */
  readonly values: Float64Array;
  /** Row i is the unit eigenvector of value i; its sign is arbitrary. */
  readonly vectors: Float64Array;
}

/** QL needs one or two sweeps a value; this many mean that the matrix holds something that is not a number. */
const MAX_SWEEPS = 60;

/** @param matrix n × n, symmetric; only read */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  requireFinite("eigen: matrix", matrix);
  const vt = Float64Array.from(matrix);
  const d = new Float64Array(n);
  const e = new Float64Array(n);
  tridiagonalise(vt, d, e, n);
  accumulate(vt, d, e, n);
  diagonalise(vt, d, e, n);
  const order = Array.from(d.keys()).sort((a, b) => d[b] - d[a]);
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) vectors.set(vt.subarray(from * n, (from + 1) * n), to * n);
  return { values: Float64Array.from(order, (i) => d[i]), vectors };
}

/** Householder reflections from the last row up; they stay in `vt`, the tridiagonal matrix goes to d and e. */
function tridiagonalise(vt: Float64Array, d: Float64Array, e: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) d[j] = vt[j * n + n - 1];
  for (let i = n - 1; i > 0; i--) {
    let scale = 0;
    for (let k = 0; k < i; k++) scale += Math.abs(d[k]);
    let h = 0;
    if (scale === 0) {
      e[i] = d[i - 1];
      for (let j = 0; j < i; j++) {
        d[j] = vt[j * n + i - 1];
        vt[j * n + i] = 0;
        vt[i * n + j] = 0;
      }
    } else {
      for (let k = 0; k < i; k++) {
        d[k] /= scale;
        h += d[k] * d[k];
      }
      const f = d[i - 1];
      const g = f > 0 ? -Math.sqrt(h) : Math.sqrt(h);
      e[i] = scale * g;
      h -= f * g;
      d[i - 1] = f - g;
      reflect(vt, d, e, n, i, h);
    }
    d[i] = h;
  }
}

/** Applies the reflection held in d[0…i−1] to the leading i × i block from both sides. */
function reflect(vt: Float64Array, d: Float64Array, e: Float64Array, n: number, i: number, h: number): void {
  e.fill(0, 0, i);
  for (let j = 0; j < i; j++) {
    const row = j * n;
    const f = d[j];
    vt[i * n + j] = f;
    let g = e[j] + vt[row + j] * f;
    for (let k = j + 1; k < i; k++) {
      g += vt[row + k] * d[k];
      e[k] += vt[row + k] * f;
    }
    e[j] = g;
  }
  let f = 0;
  for (let j = 0; j < i; j++) {
    e[j] /= h;
    f += e[j] * d[j];
  }
  const half = f / (h + h);
  for (let j = 0; j < i; j++) e[j] -= half * d[j];
  for (let j = 0; j < i; j++) {
    const row = j * n;
    const [fj, gj] = [d[j], e[j]];
    for (let k = j; k < i; k++) vt[row + k] -= fj * e[k] + gj * d[k];
    d[j] = vt[row + i - 1];
    vt[row + i] = 0;
  }
}

/** Multiplies the reflections together: `vt` becomes the transposed orthogonal matrix, d the diagonal. */
function accumulate(vt: Float64Array, d: Float64Array, e: Float64Array, n: number): void {
  for (let i = 0; i < n - 1; i++) {
    const next = (i + 1) * n;
    vt[i * n + n - 1] = vt[i * n + i];
    vt[i * n + i] = 1;
    const h = d[i + 1];
    if (h !== 0) {
      for (let k = 0; k <= i; k++) d[k] = vt[next + k] / h;
      for (let j = 0; j <= i; j++) {
        const row = j * n;
        let g = 0;
        for (let k = 0; k <= i; k++) g += vt[next + k] * vt[row + k];
        for (let k = 0; k <= i; k++) vt[row + k] -= g * d[k];
      }
    }
    for (let k = 0; k <= i; k++) vt[next + k] = 0;
  }
  for (let j = 0; j < n; j++) {
    d[j] = vt[j * n + n - 1];
    vt[j * n + n - 1] = 0;
  }
  vt[n * n - 1] = 1;
  e[0] = 0;
}

/** Implicit QL with shifts on the tridiagonal matrix (d, e); the rotations are applied to the rows of `vt`. */
function diagonalise(vt: Float64Array, d: Float64Array, e: Float64Array, n: number): void {
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  let shift = 0;
  let size = 0;
  for (let l = 0; l < n; l++) {
    size = Math.max(size, Math.abs(d[l]) + Math.abs(e[l]));
    const tiny = Number.EPSILON * size;
    let m = l;
    while (m < n - 1 && Math.abs(e[m]) > tiny) m++;
    for (let sweep = 0; m > l && (sweep === 0 || Math.abs(e[l]) > tiny); sweep++) {
      if (sweep === MAX_SWEEPS) throw new NumericError("NoConvergence", `eigen: no convergence at value ${l} of ${n}`);
      shift += shiftBy(d, e, l, n);
      chase(vt, d, e, l, m, n);
    }
    d[l] += shift;
    e[l] = 0;
  }
}

/** Subtracts the shift that the leading 2 × 2 block suggests; returns it. */
function shiftBy(d: Float64Array, e: Float64Array, l: number, n: number): number {
  const g = d[l];
  const p = (d[l + 1] - g) / (2 * e[l]);
  const r = p < 0 ? -Math.hypot(p, 1) : Math.hypot(p, 1);
  d[l] = e[l] / (p + r);
  d[l + 1] = e[l] * (p + r);
  const h = g - d[l];
  for (let i = l + 2; i < n; i++) d[i] -= h;
  return h;
}

/** One QL sweep from m − 1 down to l. */
function chase(vt: Float64Array, d: Float64Array, e: Float64Array, l: number, m: number, n: number): void {
  const next = d[l + 1];
  const el1 = e[l + 1];
  let p = d[m];
  let [c, c2, c3, s, s2] = [1, 1, 1, 0, 0];
  for (let i = m - 1; i >= l; i--) {
    c3 = c2;
    c2 = c;
    s2 = s;
    const g = c * e[i];
    const h = c * p;
    const r = Math.hypot(p, e[i]);
    e[i + 1] = s * r;
    s = e[i] / r;
    c = p / r;
    p = c * d[i] - s * g;
    d[i + 1] = h + s * (c * g + s * d[i]);
    rotate(vt, i * n, (i + 1) * n, n, c, s);
  }
  p = (-s * s2 * c3 * el1 * e[l]) / next;
  e[l] = s * p;
  d[l] = c * p;
}

function rotate(vt: Float64Array, a: number, b: number, n: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    const x = vt[a + k];
    const y = vt[b + k];
    vt[b + k] = s * x + c * y;
    vt[a + k] = c * x - s * y;
  }
}
