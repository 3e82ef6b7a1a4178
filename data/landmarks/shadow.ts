/** @file Shadow map: the scene's heights as the sun sees them, and a filtered test against it. */
import type { Mesh, V3 } from "./builder.js";

/** Orthographic depth map along the sun's direction, covering a square around the landmark. */
export interface ShadowMap {
  readonly size: number;
  /** Height towards the sun of the highest surface in each texel. */
  readonly depth: Float32Array;
  readonly toSun: V3;
  readonly right: V3;
  readonly up: V3;
  /** Texels a metre. */
  readonly scale: number;
}

/** Draws the shadow map of a square of side 2 × `radius` metres around the vertical axis through the origin. */
export function castShadows(mesh: Mesh, toSun: V3, radius: number, size: number): ShadowMap {
  const flat = Math.hypot(toSun[0], toSun[2]) || 1e-6;
  const right: V3 = [toSun[2] / flat, 0, -toSun[0] / flat];
  const up: V3 = [toSun[1] * right[2], toSun[2] * right[0] - toSun[0] * right[2], -toSun[1] * right[0]];
  const scale = size / (2 * radius);
  const depth = new Float32Array(size * size).fill(-1e9);
  const half = size / 2;
  const p = mesh.position;
  const px = (i: number) => half + scale * (p[i] * right[0] + p[i + 2] * right[2]) - 0.5;
  const py = (i: number) => half + scale * (p[i] * up[0] + p[i + 1] * up[1] + p[i + 2] * up[2]) - 0.5;
  const pz = (i: number) => p[i] * toSun[0] + p[i + 1] * toSun[1] + p[i + 2] * toSun[2];
  for (let i = 0; i < mesh.count * 9; i += 9) {
    const ax = px(i);
    const bx = px(i + 3);
    const cx = px(i + 6);
    const ay = py(i);
    const by = py(i + 3);
    const cy = py(i + 6);
    const y0 = Math.max(0, Math.ceil(Math.min(ay, by, cy)));
    const y1 = Math.min(size - 1, Math.floor(Math.max(ay, by, cy)));
    if (y0 > y1) continue;
    const x0 = Math.max(0, Math.ceil(Math.min(ax, bx, cx)));
    const x1 = Math.min(size - 1, Math.floor(Math.max(ax, bx, cx)));
    if (x0 > x1) continue;
    const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
    if (Math.abs(area) < 1e-6) continue;
    const az = pz(i);
    const bz = pz(i + 3);
    const cz = pz(i + 6);
    const dzdx = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area;
    const dzdy = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area;
    for (let y = y0; y <= y1; y++) {
      let l = Number.POSITIVE_INFINITY;
      let r = Number.NEGATIVE_INFINITY;
      const cross = (ux: number, uy: number, vx: number, vy: number) => {
        if (uy === vy || (y < uy && y < vy) || (y > uy && y > vy)) return;
        const x = ux + ((y - uy) * (vx - ux)) / (vy - uy);
        if (x < l) l = x;
        if (x > r) r = x;
      };
      cross(ax, ay, bx, by);
      cross(bx, by, cx, cy);
      cross(cx, cy, ax, ay);
      const first = Math.max(x0, Math.ceil(l));
      const last = Math.min(x1, Math.floor(r));
      let z = az + (first - ax) * dzdx + (y - ay) * dzdy;
      for (let k = y * size + first; k <= y * size + last; k++, z += dzdx) if (z > depth[k]) depth[k] = z;
    }
  }
  return { size, depth, toSun, right, up, scale };
}

/** Share of the sun that reaches the point, 0 to 1: a bilinear mix of four tests. Outside the map it is 1. */
export function sunlight(map: ShadowMap, x: number, y: number, z: number, bias: number): number {
  const { size, depth, toSun, right, up, scale } = map;
  const u = size / 2 + scale * (x * right[0] + z * right[2]) - 0.5;
  const v = size / 2 + scale * (x * up[0] + y * up[1] + z * up[2]) - 0.5;
  if (!(u >= 0 && v >= 0 && u < size - 1 && v < size - 1)) return 1;
  const h = x * toSun[0] + y * toSun[1] + z * toSun[2] + bias;
  const xi = u | 0;
  const yi = v | 0;
  const fx = u - xi;
  const fy = v - yi;
  const k = yi * size + xi;
  return (
    ((depth[k] < h ? 1 - fx : 0) + (depth[k + 1] < h ? fx : 0)) * (1 - fy) +
    ((depth[k + size] < h ? 1 - fx : 0) + (depth[k + size + 1] < h ? fx : 0)) * fy
  );
}
