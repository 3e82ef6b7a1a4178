/** @file Naive surface nets (Gibson 1998): a triangle mesh of the zero level of a signed distance on a grid. */
import type { Builder, Material, V3 } from "./builder.js";

/** Negative inside. */
export type Distance = (x: number, y: number, z: number) => number;

/** Adds the surface of `f` within the box [low, high], on cubes of side `cell`, with smooth normals from the gradient. */
export function addSurface(b: Builder, f: Distance, low: V3, high: V3, cell: number, material: Material): void {
  const [nx, ny, nz] = [0, 1, 2].map((k) => Math.ceil((high[k] - low[k]) / cell) + 1);
  const value = new Float32Array(nx * ny * nz);
  let at = 0;
  for (let k = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++) value[at++] = f(low[0] + i * cell, low[1] + j * cell, low[2] + k * cell);
  const vertex = new Int32Array(nx * ny * nz).fill(-1);
  const points: V3[] = [];
  const normals: V3[] = [];
  const step = [1, nx, nx * ny];
  const corner = [0, 1, nx, nx + 1, nx * ny, nx * ny + 1, nx * ny + nx, nx * ny + nx + 1];
  for (let k = 0; k + 1 < nz; k++)
    for (let j = 0; j + 1 < ny; j++)
      for (let i = 0; i + 1 < nx; i++) {
        const c = (k * ny + j) * nx + i;
        let mask = 0;
        for (let q = 0; q < 8; q++) if (value[c + corner[q]] < 0) mask |= 1 << q;
        if (mask === 0 || mask === 255) continue;
        // The vertex of a cell is the mean of the crossings on its edges.
        let n = 0;
        let [x, y, z] = [0, 0, 0];
        for (let q = 0; q < 8; q++)
          for (let axis = 0; axis < 3; axis++) {
            const r = q | (1 << axis);
            if (r === q || ((mask >> q) & 1) === ((mask >> r) & 1)) continue;
            const va = value[c + corner[q]];
            const t = va / (va - value[c + corner[r]]);
            x += (q & 1) + (axis === 0 ? t : 0);
            y += ((q >> 1) & 1) + (axis === 1 ? t : 0);
            z += ((q >> 2) & 1) + (axis === 2 ? t : 0);
            n++;
          }
        const p: V3 = [low[0] + (i + x / n) * cell, low[1] + (j + y / n) * cell, low[2] + (k + z / n) * cell];
        const e = cell * 0.5;
        const g: V3 = [
          f(p[0] + e, p[1], p[2]) - f(p[0] - e, p[1], p[2]),
          f(p[0], p[1] + e, p[2]) - f(p[0], p[1] - e, p[2]),
          f(p[0], p[1], p[2] + e) - f(p[0], p[1], p[2] - e),
        ];
        const l = 1 / (Math.hypot(...g) || 1);
        vertex[c] = points.length;
        points.push(p);
        normals.push([g[0] * l, g[1] * l, g[2] * l]);
      }
  for (let k = 1; k + 1 < nz; k++)
    for (let j = 1; j + 1 < ny; j++)
      for (let i = 1; i + 1 < nx; i++) {
        const c = (k * ny + j) * nx + i;
        for (let axis = 0; axis < 3; axis++) {
          if (value[c] < 0 === value[c + step[axis]] < 0) continue;
          const u = step[(axis + 1) % 3];
          const v = step[(axis + 2) % 3];
          const [p, q, r, s] = [vertex[c - u - v], vertex[c - v], vertex[c], vertex[c - u]];
          if (p < 0 || q < 0 || r < 0 || s < 0) continue;
          b.tri(points[p], points[q], points[r], material, [normals[p], normals[q], normals[r]]);
          b.tri(points[p], points[r], points[s], material, [normals[p], normals[r], normals[s]]);
        }
      }
}
