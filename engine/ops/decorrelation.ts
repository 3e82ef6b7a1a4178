/**
 * @file FIRe's measure of how much attention maps overlap (fire.md §5.6): for the rows of an image, scaled to unit length,
 * the mean cosine of two different ones, (ΣC − trace C) / (N(N−1)) with C = Û·Ûᵀ. Since ΣC = ‖Σ_n û_n‖², neither C nor its
 * gradient needs N² work. The same in float64 is nets/losses/decorrelation.ts.
 */
import type { Device } from "../device.js";
import { type Array64, expect, type Op, run, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { wholeBindings } from "../windows.js";
import { rowReduction } from "./launch.js";
import { rowNorm, rowSum } from "./row-reduce.js";

export interface DecorrelationAttrs {
  /** N: rows of one image, which follow one another. A single one has nothing to overlap with: its term is 0. */
  readonly templates: number;
}

/** Shorter rows are divided by this, as torch normalises. */
const EPSILON = 1e-12;
/** Quads of locations of a workgroup of decorrelation.wgsl. */
const QUADS = 8;

/** Attention maps of some images [images·N, L padded to 4 by zeros] → one term an image [images]. */
export const decorrelation: Op<DecorrelationAttrs> = {
  name: "decorrelation",
  inputs: ["maps [images·N,L]"],
  shape({ templates }, [x]) {
    expect(x.length === 2 && x[1] % 4 === 0, "decorrelation", "maps", "[R, L] with L a multiple of 4", x);
    expect(x[0] % templates === 0, "decorrelation", "rows", `a multiple of ${templates}`, x[0]);
    return [x[0] / templates];
  },
  forward(device, [x], a, output) {
    device.scope(() => {
      const { pairs } = unitSums(device, x, a);
      rowSum.forward(device, [pairs], { epsilon: 0 }, output);
      return undefined;
    });
  },
  reference([x], { templates: N }) {
    const L = x.shape[1];
    return Float64Array.from({ length: x.shape[0] / N }, (_, image) => {
      const unit = unitRows(x, image * N, N);
      let sum = 0;
      for (let m = 0; m < N; m++)
        for (let n = 0; n < N; n++) if (m !== n) for (let l = 0; l < L; l++) sum += unit[m][l] * unit[n][l];
      return N > 1 ? sum / (N * (N - 1)) : 0;
    });
  },
  gradient({ device, attrs: a, inputs: [x], outputGradient }) {
    const [R, L] = x.shape;
    const { norms, sums } = unitSums(device, x, a);
    const dx = device.empty(x.shape, "f32", "decorrelation gradient");
    device.dispatch({
      shader: "attention/decorrelation_gradient.wgsl",
      constants: rowReduction(device),
      reads: [x, norms, sums, outputGradient],
      writes: [dx],
      params: [R, a.templates, L / 4, { f32: EPSILON }, { f32: perPair(a) }],
      groups: R,
      label: `decorrelationGradient/${R}x${L}`,
      cost: { flops: 6 * R * L, bytes: 12 * R * L },
    });
    return [dx];
  },
  cost: (_a, [x]) => ({ flops: 6 * size(x), bytes: 8 * size(x) }),
};

/** What each of the N(N−1)/2 pairs adds to the term. */
const perPair = ({ templates: N }: DecorrelationAttrs): number => (N > 1 ? 2 / (N * (N - 1)) : 0);

/** Norms of all rows [R]; by image and location the sum of its unit rows, and its part of the term, both [images, L]. */
function unitSums(device: Device, x: Tensor, a: DecorrelationAttrs): { norms: Tensor; sums: Tensor; pairs: Tensor } {
  wholeBindings(device, "decorrelation", x);
  const [R, L] = x.shape;
  const images = R / a.templates;
  const norms = run(device, rowNorm, [x], { epsilon: 0 });
  const [sums, pairs] = ["unit sums", "pairs"].map((label) => device.empty([images, L], "f32", label));
  device.dispatch({
    shader: "attention/decorrelation.wgsl",
    constants: {},
    reads: [x, norms],
    writes: [sums, pairs],
    params: [images, a.templates, L / 4, { f32: EPSILON }, { f32: perPair(a) }],
    groups: Math.ceil((images * L) / (4 * QUADS)),
    label: `decorrelation/${R}x${L}`,
    cost: { flops: 4 * R * L, bytes: 4 * R * L },
  });
  return { norms, sums, pairs };
}

/** `count` rows from `first` on, scaled to unit length. */
function unitRows({ shape: [, L], data }: Array64, first: number, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, n) => {
    const row = data.slice((first + n) * L, (first + n + 1) * L);
    const norm = Math.sqrt(row.reduce((s, v) => s + v * v, 0));
    return row.map((v) => v / Math.max(norm, EPSILON));
  });
}
