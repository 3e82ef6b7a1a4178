/**
 * @file Generalised-mean pooling (Radenović et al., PAMI 2018): (mean max(x, ε)^p)^(1/p) over a map or over rectangles in
 * it, with one exponent for all channels or one each. Both x and p have a gradient; p must be positive.
 */
import { expect, type Op, run, size } from "../op.js";
import { columnSum } from "./reduce-columns.js";
import {
  exponentGradients,
  mapGradient,
  pooledShape,
  poolReference,
  poolRegions,
  type RegionAttrs,
  regionCost,
} from "./regions.js";
import { rowSum } from "./row-reduce.js";

export interface GemAttrs extends RegionAttrs {
  /** Values below are raised to it, and get no gradient. */
  readonly epsilon: number;
}

export const gem: Op<GemAttrs> = {
  name: "gem",
  inputs: ["maps [N,H,W,C]", "p [1] or [C]"],
  shape(a, [x, p]) {
    expect(size(p) === 1 || size(p) === x[3], "gem", "exponents p", `[1] or [${x[3]}]`, p);
    return pooledShape("gem", a, x);
  },
  forward(device, [map, exponent], attrs, output) {
    const cost = this.cost(attrs, [map.shape], output.shape);
    poolRegions(device, { name: "gem", map, attrs, exponent, epsilon: attrs.epsilon }, output, cost);
  },
  reference: ([x, p], a) =>
    poolReference(x, a, (cells, c) => {
      const e = p.data[p.data.length === 1 ? 0 : c];
      return (cells.reduce((s, v) => s + Math.max(v, a.epsilon) ** e, 0) / cells.length) ** (1 / e);
    }),
  gradient({ device, attrs, inputs: [map, exponent], output, outputGradient, needed }) {
    const pooling = { name: "gem", map, attrs, exponent, epsilon: attrs.epsilon } as const;
    const cost = this.cost(attrs, [map.shape], output.shape);
    const dx = needed[0] ? mapGradient(device, pooling, output, outputGradient, cost) : null;
    if (!needed[1]) return [dx, null];
    const each = exponentGradients(device, pooling, output, outputGradient, cost);
    const C = map.shape[3];
    const dp =
      exponent.elements === 1
        ? run(device, rowSum, [each.view([1, each.elements])], { epsilon: 0 })
        : columnSum(device, each, C);
    return [dx, dp];
  },
  // reading, clamping, dividing, a logarithm, a product, a power, a sum
  cost: (a, [x]) => regionCost(a, x, 8),
};
