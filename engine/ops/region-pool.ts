/**
 * @file One number a channel from the cells of a map or of rectangles in it: MAC the largest, SPoC the mean, and the plain
 * sum (cirtorch.md §3). A region's maximum gives its gradient to the first largest cell in row-major order, as torch does.
 */
import type { Op } from "../op.js";
import { mapGradient, pooledShape, poolReference, poolRegions, type RegionAttrs, regionCost } from "./regions.js";

function pooling(name: "mac" | "regionSum" | "spoc", ofCells: (cells: Float64Array) => number): Op<RegionAttrs> {
  return {
    name,
    inputs: ["maps [N,H,W,C]"],
    shape: (a, [x]) => pooledShape(name, a, x),
    forward(device, [map], attrs, output) {
      poolRegions(device, { name, map, attrs }, output, this.cost(attrs, [map.shape], output.shape));
    },
    reference: ([x], a) => poolReference(x, a, ofCells),
    gradient({ device, attrs, inputs: [map], output, outputGradient }) {
      const cost = this.cost(attrs, [map.shape], output.shape);
      return [mapGradient(device, { name, map, attrs }, output, outputGradient, cost)];
    },
    cost: (a, [x]) => regionCost(a, x, 1),
  };
}

const sum = (cells: Float64Array) => cells.reduce((s, v) => s + v, 0);

export const mac = pooling("mac", (cells) => cells.reduce((m, v) => Math.max(m, v)));
export const regionSum = pooling("regionSum", sum);
export const spoc = pooling("spoc", (cells) => sum(cells) / cells.length);
