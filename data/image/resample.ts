/**
 * @file Pillow's resampling of RGB8 images, bit for bit: separable, horizontal then vertical, 22-bit fixed-point weights,
 * 8-bit samples between the passes (the algorithm of datasets.md section 4.1; Pillow's Resample.c computes the same).
 */
import type { RgbImage } from "../../base/image.js";

/** A separable kernel: non-zero on [−radius, radius], widened by the reduction factor when shrinking. */
export interface Filter {
  readonly radius: number;
  readonly value: (t: number) => number;
}

function sinc(t: number): number {
  return t === 0 ? 1 : Math.sin(t * Math.PI) / (t * Math.PI);
}

/** Lanczos with a = 3. */
export const lanczos: Filter = { radius: 3, value: (t) => (t >= -3 && t < 3 ? sinc(t) * sinc(t / 3) : 0) };

/** The triangle filter; antialiased when shrinking, unlike a GPU's bilinear lookup. */
export const bilinear: Filter = { radius: 1, value: (t) => Math.max(0, 1 - Math.abs(t)) };

/** A part of an image in pixels, corners may be fractional: [x0, y0, x1, y1). */
export type Window = readonly [x0: number, y0: number, x1: number, y1: number];

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/** Weights of one axis: output i is Σ_k weights[i·taps + k] · input[first[i] + k] for k < count[i]. */
interface Axis {
  readonly taps: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
}

/**
 * Resamples `window` of `image` (the whole of it by default) to width × height. A pass that would change nothing is
 * left out, so equal size and window give a copy.
 */
export function resample(image: RgbImage, width: number, height: number, filter: Filter, window?: Window): RgbImage {
  const [x0, y0, x1, y1] = window ?? [0, 0, image.width, image.height];
  let out = image;
  if (width !== image.width || x0 !== 0 || x1 !== image.width)
    out = horizontalPass(out, width, axisWeights(image.width, x0, x1, width, filter));
  if (height !== image.height || y0 !== 0 || y1 !== image.height)
    out = verticalPass(out, height, axisWeights(image.height, y0, y1, height, filter));
  return out === image ? { ...image, data: image.data.slice() } : out;
}

function axisWeights(size: number, begin: number, end: number, outputs: number, filter: Filter): Axis {
  const scale = (end - begin) / outputs;
  const stretch = Math.max(scale, 1);
  const support = filter.radius * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outputs);
  const count = new Int32Array(outputs);
  const weights = new Int32Array(outputs * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < outputs; i++) {
    const centre = begin + (i + 0.5) * scale;
    const lo = Math.max(0, Math.trunc(centre - support + 0.5));
    const n = Math.min(size, Math.trunc(centre + support + 0.5)) - lo;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      exact[k] = filter.value((lo + k - centre + 0.5) * (1 / stretch));
      sum += exact[k];
    }
    for (let k = 0; k < n; k++) {
      const w = (sum === 0 ? exact[k] : exact[k] / sum) * 2 ** PRECISION_BITS;
      weights[i * taps + k] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
    first[i] = lo;
    count[i] = n;
  }
  return { taps, first, count, weights };
}

/**
 * Rows stay rows, each `width` pixels long. The sums fit 32 bits: Lanczos weights add up to 2²² with less than 1.4 · 2²²
 * in magnitude, times 255.
 */
function horizontalPass(image: RgbImage, width: number, axis: Axis): RgbImage {
  const { taps, first, count, weights } = axis;
  const source = image.data;
  const out = new Uint8ClampedArray(3 * width * image.height);
  let to = 0;
  for (let y = 0; y < image.height; y++) {
    const row = 3 * image.width * y;
    for (let x = 0; x < width; x++) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let from = (row + 3 * first[x]) | 0;
      const begin = Math.imul(x, taps);
      const end = (begin + count[x]) | 0;
      // "| 0" keeps the loop in 32-bit integers: a sixth faster.
      for (let k = begin; k < end; k = (k + 1) | 0, from = (from + 3) | 0) {
        const w = weights[k];
        r = (r + Math.imul(w, source[from])) | 0;
        g = (g + Math.imul(w, source[from + 1])) | 0;
        b = (b + Math.imul(w, source[from + 2])) | 0;
      }
      out[to] = r >> PRECISION_BITS;
      out[to + 1] = g >> PRECISION_BITS;
      out[to + 2] = b >> PRECISION_BITS;
      to += 3;
    }
  }
  return { width, height: image.height, data: new Uint8Array(out.buffer) };
}

/**
 * Adds whole input rows to one row of 32-bit accumulators, so that memory is read in order; four rows at a time, so that
 * the accumulators are read and written less often (a quarter faster than one by one).
 */
function verticalPass(image: RgbImage, height: number, axis: Axis): RgbImage {
  const { taps, first, count, weights } = axis;
  const source = image.data;
  const stride = 3 * image.width;
  const sums = new Int32Array(stride);
  const out = new Uint8ClampedArray(stride * height);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    const row = y * taps;
    let k = 0;
    let p = first[y] * stride;
    for (; k + 4 <= count[y]; k += 4, p += 4 * stride) {
      const w0 = weights[row + k];
      const w1 = weights[row + k + 1];
      const w2 = weights[row + k + 2];
      const w3 = weights[row + k + 3];
      const q = p + stride;
      const r = q + stride;
      const s = r + stride;
      for (let i = 0; i < stride; i++)
        sums[i] +=
          Math.imul(w0, source[p + i]) +
          Math.imul(w1, source[q + i]) +
          Math.imul(w2, source[r + i]) +
          Math.imul(w3, source[s + i]);
    }
    for (; k < count[y]; k++, p += stride) {
      const w = weights[row + k];
      for (let i = 0; i < stride; i++) sums[i] += Math.imul(w, source[p + i]);
    }
    const to = y * stride;
    for (let i = 0; i < stride; i++) out[to + i] = sums[i] >> PRECISION_BITS;
  }
  return { width: image.width, height, data: new Uint8Array(out.buffer) };
}
