/** @file Ambient occlusion from the depth buffer: corners, recesses and the feet of things are darker. */
import type { Camera } from "./camera.js";
import { hash01 } from "./random.js";
import type { Visibility } from "./raster.js";

const TAPS = 7;
/** How far the occluders of a point may be, in metres. */
const REACH = 1.6;

const cosines = Array.from({ length: 64 }, (_, i) => Math.cos((i / 64) * 2 * Math.PI));
const sines = Array.from({ length: 64 }, (_, i) => Math.sin((i / 64) * 2 * Math.PI));

/**
 * Share of the sky light that reaches the sample (x, y) with unit normal (nx, ny, nz), 0.15 to 1. Neighbours in a
 * spiral that stand above the tangent plane take light away, less when they are far.
 */
export function occlusion(
  seen: Visibility,
  camera: Camera,
  x: number,
  y: number,
  nx: number,
  ny: number,
  nz: number,
  id: number,
): number {
  const { width, height, inverseDepth, edges } = seen;
  const f = camera.focal * seen.samples;
  const { right, up, forward } = camera;
  const i = id * 9;
  const w =
    (edges[i] + edges[i + 3] + edges[i + 6]) * x +
    (edges[i + 1] + edges[i + 4] + edges[i + 7]) * y +
    edges[i + 2] +
    edges[i + 5] +
    edges[i + 8];
  const z = 1 / w;
  const reach = Math.min(Math.max((REACH * f) / z, 4), 0.12 * width);
  const inverseReach = f / (reach * z);
  const cx = width / 2 - 0.5;
  const cy = height / 2 - 0.5;
  const kx = nx * right[0] + ny * right[1] + nz * right[2];
  const ky = nx * up[0] + ny * up[1] + nz * up[2];
  const kz = nx * forward[0] + ny * forward[1] + nz * forward[2];
  const ox = ((x - cx) / f) * z;
  const oy = ((cy - y) / f) * z;
  let turn = Math.floor(hash01(x, y) * 64);
  let dark = 0;
  for (let t = 0; t < TAPS; t++) {
    turn = (turn + 24) & 63;
    const radius = (reach * (t + 0.7)) / TAPS;
    const sx = Math.round(x + cosines[turn] * radius);
    const sy = Math.round(y + sines[turn] * radius);
    if (sx < 0 || sy < 0 || sx >= width || sy >= height) continue;
    const d = inverseDepth[sy * width + sx];
    if (d === 0) continue;
    const n = 1 / d;
    const vx = ((sx - cx) / f) * n - ox;
    const vy = ((cy - sy) / f) * n - oy;
    const vz = n - z;
    const length = Math.sqrt(vx * vx + vy * vy + vz * vz) + 1e-6;
    const rise = (vx * kx + vy * ky + vz * kz) / length - 0.12;
    if (rise > 0) dark += rise * Math.max(0, 1 - 0.6 * length * inverseReach);
  }
  return Math.max(0.15, 1 - (1.9 * dark) / TAPS);
}
