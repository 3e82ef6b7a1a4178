/**
 * @file The grid of square regions of R-MAC (Tolias et al., ICLR 2016) as cirtorch lays it (cirtorch.md §3.1). The
 * reference computes in float32; the same roundings are made here, since a floor may hang on them.
 */
import type { Region } from "../engine/ops/regions.js";

/** Wanted overlap of neighbouring regions of the first level. */
const OVERLAP = 0.4;
/** Numbers of regions along the longer side that are tried for the first level. */
const STEPS = [2, 3, 4, 5, 6, 7] as const;
const f32 = Math.fround;

/**
 * Regions of a map of H × W cells, level by level, rows outer; the whole map is not among them unless it is square, when
 * level 1 is the whole map.
 */
export function regionGrid(H: number, W: number, levels = 3): Region[] {
  const short = Math.min(H, W);
  const extra = extraRegions(short, Math.max(H, W));
  const regions: Region[] = [];
  for (let level = 1; level <= levels; level++) {
    const side = Math.floor((2 * short) / (level + 1));
    if (side === 0) continue;
    const rows = starts(H, side, level + (H > W ? extra : 0));
    const columns = starts(W, side, level + (W > H ? extra : 0));
    for (const y0 of rows) for (const x0 of columns) regions.push({ y0, x0, h: side, w: side });
  }
  return regions;
}

/** How many more regions the longer side takes than the shorter: one more than the index of the best overlap. */
function extraRegions(short: number, long: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [k, steps] of STEPS.entries()) {
    const stride = f32((long - short) / (steps - 1));
    const overlap = f32(f32(short ** 2 - f32(short * stride)) / short ** 2);
    const distance = Math.abs(f32(overlap - f32(OVERLAP)));
    if (distance < least) {
      least = distance;
      best = k;
    }
  }
  return best + 1;
}

/**
 * First cells of `count` regions of `side` cells spread over `length`. The reference floors centres, so it adds the half
 * side and takes it away again; in float32 that can round a start that is nearly whole.
 */
function starts(length: number, side: number, count: number): number[] {
  const half = Math.floor(side / 2 - 1);
  const stride = count > 1 ? f32((length - side) / (count - 1)) : 0;
  return Array.from({ length: count }, (_, a) => Math.floor(f32(half + f32(a * stride))) - half);
}
