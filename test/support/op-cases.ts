/**
 * @file The declarative case list of the engine: one list an op, used for values (here), support and speed.
 * Errors are normalised mean square error (‖y−r‖²/‖r‖²) and max-abs relative to the largest reference value.
 */

import type { Array64, Op } from "../../engine/op.js";
import { type ConvVariant, conv2d } from "../../engine/ops/conv2d.js";
import { oihw, packPanels, rightMatrix, rightTransposed } from "../../engine/ops/pack.js";
import { axisTable } from "../../engine/ops/resize.js";
import { type OpName, ops } from "../../engine/ops/table.js";
import { list, values } from "./case-values.js";
import { poolCases } from "./pool-cases.js";
import { trunkOpCases } from "./trunk-op-cases.js";

export { values };

export interface OpCase {
  readonly op: OpName;
  readonly title: string;
  readonly attrs: unknown;
  readonly inputs: () => Array64[];
  /** Element types of inputs that are not f32. */
  readonly types?: readonly (string | undefined)[];
  readonly variants?: readonly ConvVariant[];
  /** Inputs that are constants of the op: they have no gradient. */
  readonly constantInputs?: readonly number[];
  /** Largest NMSE allowed. Default 1e-12: float32 rounding of sums up to some thousand terms, squared. */
  readonly nmse?: number;
}

const allVariants = ["subgroup", "workgroup", "registers"] as const;

function conv(
  title: string,
  [N, H, W, C]: number[],
  O: number,
  kernel: [number, number],
  extra: { stride?: number; padding?: [number, number]; dilation?: number; relu?: boolean; residual?: boolean } = {},
): OpCase {
  const attrs = {
    outChannels: O,
    kernel,
    stride: extra.stride ?? 1,
    padding: extra.padding ?? [0, 0],
    dilation: extra.dilation ?? 1,
    relu: extra.relu ?? false,
  } as const;
  const inputs = () => {
    const weight = values([O, C, ...kernel], 2, 0.3);
    const pack = oihw(O, C, ...kernel);
    const packed = { shape: packPanels.shape(pack, [weight.shape]), data: packPanels.reference([weight], pack) };
    const all = [values([N, H, W, C], 1), packed, values([O], 3)];
    if (extra.residual)
      all.push(
        values(
          conv2d.shape(
            attrs,
            all.map((x) => x.shape),
          ),
          4,
        ),
      );
    return all;
  };
  const winograd = kernel[0] === 3 && attrs.stride === 1 && attrs.dilation === 1;
  const variants = winograd ? (["winograd", ...allVariants] as const) : allVariants;
  return { op: "conv2d", title: `${title} ${N}x${H}x${W}x${C}>${O}`, attrs, inputs, variants };
}

/** n products of M rows. */
function products(title: string, [n, M, K]: number[], columns: number): OpCase {
  const pack = { ...rightMatrix(K, columns), batches: n };
  const inputs = () => {
    const right = values([n * K, columns], 2);
    const packed = { shape: packPanels.shape(pack, [right.shape]), data: packPanels.reference([right], pack) };
    return [values([n * M, K], 1), packed];
  };
  return { op: "batchedMatmul", title: `${title} ${n}x${M}x${K}>${columns}`, attrs: { columns }, inputs };
}

/** @param window kernel, stride and padding */
function pool(
  op: "maxPool" | "averagePool",
  title: string,
  shape: readonly number[],
  [kernel, stride, padding]: readonly [number, number, number],
  seed: number,
): OpCase {
  return { op, title, attrs: { kernel, stride, padding }, inputs: () => [values(shape, seed)] };
}

const none = {};

/** Positive rows as attention is, with zeros in the columns from `columns` on. */
function positive(shape: readonly [number, number], seed: number, columns: number): Float64Array {
  return values(shape, seed).data.map((v, i) => (i % shape[1] < columns ? Math.abs(v) + 0.05 : 0));
}

export const opCases: readonly OpCase[] = [
  conv("1x1", [1, 5, 7, 8], 12, [1, 1]),
  conv("1x1 with residual and relu", [1, 9, 11, 64], 96, [1, 1], { residual: true, relu: true }),
  conv("1x1 with a long K, which GPUs split", [1, 9, 3, 388], 64, [1, 1], { residual: true, relu: true }),
  conv("1x1 with a long K of whole steps, its last part shorter", [1, 9, 3, 416], 64, [1, 1], { relu: true }),
  conv("1x1 stride 2", [1, 9, 10, 16], 36, [1, 1], { stride: 2 }),
  conv("3x3 padded", [1, 13, 9, 12], 40, [3, 3], { padding: [1, 1], relu: true }),
  conv("3x3 unpadded, two panels, residual", [2, 11, 14, 36], 68, [3, 3], { residual: true }),
  conv("3x3 stride 2, batch of 2", [2, 8, 7, 8], 20, [3, 3], { padding: [1, 1], stride: 2 }),
  conv("3x3 dilation 2 stride 2", [1, 11, 12, 4], 8, [3, 3], { padding: [2, 2], stride: 2, dilation: 2 }),
  conv("7x7 stem", [1, 20, 23, 4], 64, [7, 7], { padding: [3, 3], stride: 2, relu: true }),
  conv("product of odd sizes", [1, 33, 1, 24], 100, [1, 1]),
  conv("wide product", [1, 70, 1, 260], 132, [1, 1]),
  {
    op: "packPanels",
    title: "convolution weights with 3 input channels",
    attrs: oihw(40, 3, 3, 3),
    inputs: () => [values([40, 3, 3, 3], 1)],
  },
  {
    op: "packPanels",
    title: "row-major right matrix",
    attrs: rightMatrix(10, 45),
    inputs: () => [values([10, 45], 1)],
  },
  {
    op: "packPanels",
    title: "transposed right matrix",
    attrs: rightTransposed(45, 10),
    inputs: () => [values([45, 10], 1)],
  },
  {
    op: "packPanels",
    title: "a batch of row-major right matrices",
    attrs: { ...rightMatrix(10, 45), batches: 3 },
    inputs: () => [values([30, 45], 1)],
  },
  {
    op: "packPanels",
    title: "a batch of transposed right matrices",
    attrs: { ...rightTransposed(45, 10), batches: 2 },
    inputs: () => [values([90, 10], 1)],
  },
  products("3 images, few rows", [3, 5, 12], 40),
  products("2 images, rows and columns over several tiles", [2, 70, 36], 100),
  products("2 images, K of whole steps", [2, 37, 48], 68),
  pool("maxPool", "3x3 stride 2, odd size", [1, 11, 8, 12], [3, 2, 1], 1),
  {
    op: "maxPool",
    title: "negative values never lose to padding",
    attrs: { kernel: 3, stride: 2, padding: 1 },
    inputs: () => [
      list(
        [1, 3, 3, 4],
        values([36], 5).data.map((v) => v - 3),
      ),
    ],
  },
  pool("averagePool", "3x3 does not count padding", [2, 5, 6, 8], [3, 1, 1], 1),
  pool("averagePool", "2x2 stride 3: some cells are in no window", [2, 8, 7, 8], [2, 3, 0], 1),
  pool("maxPool", "2x2 stride 3: some cells are in no window", [1, 7, 8, 4], [2, 3, 0], 2),
  pool("averagePool", "one cell", [1, 1, 1, 4], [3, 1, 1], 1),
  {
    op: "normalise",
    title: "photo bytes, size not a multiple of four",
    attrs: { height: 5, width: 7, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    inputs: () => [
      list(
        [105],
        Array.from({ length: 105 }, (_, i) => (i * 37) % 256),
      ),
    ],
    types: ["u8"],
  },
  {
    op: "resize",
    title: "by 0.71 in the given-scale convention",
    attrs: { height: 7, width: 9 },
    inputs: () => [
      values([1, 11, 13, 4], 1),
      list([7, 2], axisTable(7, 11, 1 / 0.71)),
      list([9, 2], axisTable(9, 13, 1 / 0.71)),
    ],
  },
  {
    op: "resize",
    title: "by 2",
    attrs: { height: 22, width: 6 },
    inputs: () => [values([1, 11, 3, 4], 1), list([22, 2], axisTable(22, 11, 0.5)), list([6, 2], axisTable(6, 3, 0.5))],
  },
  {
    op: "layerNorm",
    title: "rows of 24",
    attrs: { epsilon: 1e-5 },
    inputs: () => [values([19, 24], 1, 3), values([24], 2), values([24], 3)],
  },
  {
    op: "layerNorm",
    title: "rows of 1024 with an offset of 100",
    attrs: { epsilon: 1e-5 },
    inputs: () => [
      list(
        [5, 1024],
        values([5120], 1).data.map((v) => Math.fround(v + 100)),
      ),
      values([1024], 2),
      values([1024], 3),
    ],
    nmse: 1e-9,
  },
  {
    op: "layerNorm",
    title: "rows of 26 padded to 28",
    attrs: { epsilon: 1e-5, columns: 26 },
    inputs: () => [values([9, 28], 1, 3), values([28], 2), values([28], 3)],
  },
  { op: "padRows", title: "of 26", attrs: {}, inputs: () => [values([7, 26], 1)] },
  { op: "padRows", title: "of 5", attrs: {}, inputs: () => [values([3, 5], 1)] },
  { op: "repeatRows", title: "for 3 images", attrs: { times: 3 }, inputs: () => [values([5, 12], 1)] },
  {
    op: "rowNorm",
    title: "L2 norm with epsilon inside",
    attrs: { epsilon: 1e-10 },
    inputs: () => [values([13, 36], 1)],
  },
  {
    op: "rowNorm",
    title: "of zeros is the root of epsilon",
    attrs: { epsilon: 1e-10 },
    inputs: () => [list([3, 8], new Float64Array(24))],
  },
  {
    op: "rowSum",
    title: "rows of 200",
    attrs: { epsilon: 0 },
    inputs: () => [
      list(
        [7, 200],
        values([1400], 1).data.map((v) => v + 1.5),
      ),
    ],
  },
  { op: "divideRows", title: "alone", attrs: none, inputs: () => [values([6, 12], 1), list([6], [1, 2, 3, 4, 5, 6])] },
  {
    op: "divideRows",
    title: "added to a base",
    attrs: none,
    inputs: () => [values([6, 12], 1), list([6], [1, 2, 3, 4, 5, 6]), values([6, 12], 7)],
  },
  {
    op: "compete",
    title: "5 templates, 7 locations, padding is zero",
    attrs: { templates: 5, locations: 7, scale: 0.25, epsilon: 1e-8 },
    inputs: () => [values([5, 8], 1, 4)],
  },
  {
    op: "compete",
    title: "3 images of 4 templates, each among its own",
    attrs: { templates: 4, locations: 42, scale: 0.5, epsilon: 1e-8 },
    inputs: () => [values([12, 44], 1, 4)],
  },
  {
    op: "compete",
    title: "large logits do not overflow",
    attrs: { templates: 9, locations: 64, scale: 1, epsilon: 1e-8 },
    inputs: () => [values([9, 64], 1, 300)],
  },
  {
    op: "decorrelation",
    title: "two images of 5 templates, 7 locations and padding",
    attrs: { templates: 5 },
    inputs: () => [list([10, 8], positive([10, 8], 1, 7))],
  },
  {
    op: "decorrelation",
    title: "rows of both signs, more templates than share the work evenly",
    attrs: { templates: 21 },
    inputs: () => [values([21, 76], 1)],
  },
  {
    op: "decorrelation",
    title: "of a row of zeros with others",
    attrs: { templates: 3 },
    inputs: () => [list([3, 4], [0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0, 0.5, 0])],
    constantInputs: [0],
  },
  {
    op: "decorrelation",
    title: "of one template is zero",
    attrs: { templates: 1 },
    inputs: () => [values([3, 12], 1)],
  },
  {
    op: "foldWeight",
    title: "scale and inverse deviation by output channel",
    attrs: none,
    inputs: () => [values([6, 3, 3, 3], 1), values([6], 2), list([6], [1, 2, 0.5, 3, 1.5, 0.1])],
    constantInputs: [2],
  },
  {
    op: "foldBias",
    title: "shift by gamma",
    attrs: none,
    inputs: () => [values([9], 1), values([9], 2), values([9], 3)],
    constantInputs: [2],
  },
  {
    op: "gatherRows",
    title: "in any order",
    attrs: none,
    inputs: () => [values([9, 8], 1), list([5], [8, 0, 3, 3, 7])],
    types: [undefined, "u32"],
  },
  {
    op: "weightedSum",
    title: "over blocks of 64",
    attrs: { images: 1 },
    inputs: () => [values([150, 20], 1), values([150], 2)],
  },
  {
    op: "weightedSum",
    title: "over blocks of each of 3 images",
    attrs: { images: 3 },
    inputs: () => [values([210, 20], 1), values([210], 2)],
  },
  ...poolCases,
  ...trunkOpCases,
];

export function opOf(c: OpCase): Op<unknown> {
  return ops[c.op] as Op<unknown>;
}
