/**
 * @file Rectangles of feature maps and the launches of the kernels that pool them (shaders/pool/region*.wgsl). All regions
 * of all images are pooled by one dispatch; their gradient is one dispatch too, also where they overlap.
 */
import type { Device } from "../device.js";
import { expect, size } from "../op.js";
import type { Cost } from "../profiler.js";
import type { Tensor } from "../tensor.js";
import { wholeBindings } from "../windows.js";
import { groupsFor } from "./launch.js";

/** A rectangle of cells of a feature map. */
export interface Region {
  readonly y0: number;
  readonly x0: number;
  readonly h: number;
  readonly w: number;
}

export interface RegionAttrs {
  /** The regions to pool, each a row of the output; the whole map where there are none given. */
  readonly regions?: readonly Region[];
}

/** The kernels' KIND. */
export const POOLING = { mac: 0, regionSum: 1, spoc: 2, gem: 3 } as const;

/** One pooling over regions: which, over what, and for GeM its exponents and clamp. */
export interface RegionPooling {
  readonly name: keyof typeof POOLING;
  readonly map: Tensor;
  readonly attrs: RegionAttrs;
  readonly exponent?: Tensor;
  readonly epsilon?: number;
}

/** Channel quads that one workgroup owns. */
const QUADS = 16;

/** The regions of the attributes, or the whole map as the only one. */
export function regionsOf({ regions }: RegionAttrs, [, H, W]: readonly number[]): readonly Region[] {
  return regions ?? [{ y0: 0, x0: 0, h: H, w: W }];
}

/** Shape rule: maps [N, H, W, C] with R regions → rows [N·R, C], image by image. */
export function pooledShape(name: string, attrs: RegionAttrs, x: readonly number[]): number[] {
  expect(x.length === 4 && x[3] % 4 === 0, name, "maps", "[N, H, W, C] with C a multiple of 4", x);
  const [N, H, W, C] = x;
  const regions = regionsOf(attrs, x);
  expect(regions.length > 0, name, "regions", "at least one", 0);
  for (const { y0, x0, h, w } of regions) {
    const inside = y0 >= 0 && x0 >= 0 && h >= 1 && w >= 1 && y0 + h <= H && x0 + w <= W;
    expect(inside && [y0, x0, h, w].every(Number.isInteger), name, "region y0, x0, h, w", `cells of ${H}x${W}`, [
      y0,
      x0,
      h,
      w,
    ]);
  }
  return [N * regions.length, C];
}

/** Cells of all regions together times images and channels: what the kernels read. */
export function regionCost(attrs: RegionAttrs, x: readonly number[], flopsPerCell: number): Cost {
  const cells = regionsOf(attrs, x).reduce((n, { h, w }) => n + h * w, 0);
  const values = x[0] * x[3] * cells;
  return { flops: flopsPerCell * values, bytes: 4 * values };
}

/** Float64 twin of a pooling: `pool` makes one number of a region's cells of one channel. */
export function poolReference(
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float64Array },
  attrs: RegionAttrs,
  pool: (cells: Float64Array, channel: number) => number,
): Float64Array {
  const [N, H, W, C] = shape;
  const regions = regionsOf(attrs, shape);
  const y = new Float64Array(N * regions.length * C);
  let at = 0;
  for (let n = 0; n < N; n++)
    for (const { y0, x0, h, w } of regions)
      for (let c = 0; c < C; c++) {
        const cell = (_: unknown, k: number) => {
          const row = n * H + y0 + Math.floor(k / w);
          return data[(row * W + x0 + (k % w)) * C + c];
        };
        y[at++] = pool(Float64Array.from({ length: h * w }, cell), c);
      }
  return y;
}

/** Records the forward kernel. */
export function poolRegions(device: Device, pooling: RegionPooling, output: Tensor, cost: Cost): void {
  launchRows(device, pooling, "pool/region.wgsl", { KIND: POOLING[pooling.name] }, [], output, cost);
}

/** Per output row and channel, GeM's gradient with respect to the exponent: [N·R, C]. */
export function exponentGradients(device: Device, pooling: RegionPooling, y: Tensor, dy: Tensor, cost: Cost): Tensor {
  const d = device.empty(y.shape, "f32", `${pooling.name} exponent gradient`);
  launchRows(device, pooling, "pool/exponent_gradient.wgsl", {}, [y, dy], d, cost);
  return d;
}

/** Gradient with respect to the maps, from the output y and its gradient dy [N·R, C]. */
export function mapGradient(device: Device, pooling: RegionPooling, y: Tensor, dy: Tensor, cost: Cost): Tensor {
  const { name, map, attrs, exponent, epsilon } = pooling;
  const [, H, W, C] = map.shape;
  const dx = device.empty(map.shape, "f32", `${name} gradient`);
  wholeBindings(device, `${name} gradient`, map, y);
  const count = dx.elements / 4;
  withTable(device, attrs, map, (table, R) =>
    device.dispatch({
      shader: "pool/region_gradient.wgsl",
      constants: { KIND: POOLING[name], SHARED: isShared(exponent) },
      reads: [map, table, exponent ?? table, y, dy],
      writes: [dx],
      params: [H, W, C / 4, R, count, { f32: epsilon ?? 0 }],
      groups: groupsFor(count),
      label: `${name}Gradient/${R}r/${H}x${W}x${C}`,
      cost: { flops: cost.flops, bytes: cost.bytes + 4 * size(map.shape) },
    }),
  );
  return dx;
}

/** Launches a kernel whose workgroups own 16 channel quads of one output row. */
function launchRows(
  device: Device,
  { name, map, attrs, exponent, epsilon }: RegionPooling,
  shader: string,
  constants: Readonly<Record<string, number>>,
  more: readonly Tensor[],
  output: Tensor,
  cost: Cost,
): void {
  const [, H, W, C] = map.shape;
  const [rows] = output.shape;
  const blocks = Math.ceil(C / 4 / QUADS);
  wholeBindings(device, name, map, output);
  withTable(device, attrs, map, (table, R) =>
    device.dispatch({
      shader,
      // on software drivers a barrier costs more than the cells that it saves
      constants: { ...constants, SHARED: isShared(exponent), PARTS: device.caps.software ? 1 : 16 },
      reads: [map, table, exponent ?? table, ...more],
      writes: [output],
      params: [H, W, C / 4, R, rows, blocks, { f32: epsilon ?? 0 }],
      groups: rows * blocks,
      label: `${name}/${R}r/${H}x${W}x${C}`,
      cost,
    }),
  );
}

const isShared = (exponent: Tensor | undefined): number => (exponent && exponent.elements > 1 ? 0 : 1);

/** Uploads the regions for one dispatch; a plan that is being built keeps the table for its replays. */
function withTable(device: Device, attrs: RegionAttrs, map: Tensor, dispatch: (table: Tensor, R: number) => void) {
  const regions = regionsOf(attrs, map.shape);
  device.scope(() => {
    const words = Uint32Array.from(regions.flatMap(({ y0, x0, h, w }) => [y0, x0, h, w]));
    dispatch(device.upload(words, [regions.length, 4], "regions"), regions.length);
    return undefined;
  });
}
