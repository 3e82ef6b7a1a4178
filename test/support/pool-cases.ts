/** @file Cases of the ops that pool feature maps over regions, and of L2N. */
import type { Region } from "../../engine/ops/regions.js";
import { list, values } from "./case-values.js";
import type { OpCase } from "./op-cases.js";

/** Overlapping, nested, a single cell, a repeated one, and touching every border of a map of 7 × 6. */
const regions: readonly Region[] = [
  { y0: 0, x0: 0, h: 7, w: 6 },
  { y0: 1, x0: 2, h: 3, w: 4 },
  { y0: 4, x0: 0, h: 3, w: 3 },
  { y0: 6, x0: 5, h: 1, w: 1 },
  { y0: 1, x0: 2, h: 3, w: 4 },
];

const epsilon = 1e-6;
/** More channels than a workgroup owns, so that a second one has idle lanes. */
const wide = () => values([1, 7, 6, 76], 1);
const pair = () => values([2, 7, 6, 20], 2);
/** Exponents from 0.6 to 6.9, no two alike. */
const exponents = (count: number) =>
  list(
    [count],
    Array.from({ length: count }, (_, c) => Math.fround(0.6 + (6.3 * c) / count)),
  );

const plain = (["mac", "regionSum", "spoc"] as const).flatMap((op): OpCase[] => [
  { op, title: "of a whole map", attrs: {}, inputs: () => [wide()] },
  { op, title: "of overlapping regions of two maps", attrs: { regions }, inputs: () => [pair()] },
  { op, title: "of one cell", attrs: {}, inputs: () => [values([1, 1, 1, 4], 1)] },
]);

export const poolCases: readonly OpCase[] = [
  ...plain,
  {
    op: "gem",
    title: "of a whole map, one exponent, half of the cells below epsilon",
    attrs: { epsilon },
    inputs: () => [wide(), list([1], [Math.fround(2.9)])],
  },
  {
    op: "gem",
    title: "of overlapping regions of two maps, an exponent a channel",
    attrs: { epsilon, regions },
    inputs: () => [pair(), exponents(20)],
  },
  {
    op: "gem",
    title: "of overlapping regions of two maps, one exponent",
    attrs: { epsilon, regions },
    inputs: () => [pair(), list([1], [1.5])],
  },
  {
    op: "gem",
    title: "with an exponent of 1 is the mean",
    attrs: { epsilon },
    inputs: () => [wide(), list([1], [1])],
  },
  {
    op: "l2Normalise",
    title: "epsilon beside the norm",
    attrs: { epsilon: 0.1 },
    inputs: () => [values([9, 140], 1)],
  },
  {
    op: "l2Normalise",
    title: "of tiny rows",
    attrs: { epsilon },
    inputs: () => [values([3, 8], 1, 1e-2)],
  },
];
