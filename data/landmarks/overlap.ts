/** @file How much of the same landmark surface two views share, from their depth maps and known cameras. */
import type { Mesh } from "./builder.js";
import { type Camera, project, unproject } from "./camera.js";
import type { Visibility } from "./raster.js";

/** Side of the longer edge of the grid on which views are compared. */
const GRID = 112;
/** A surface seen flatter than this (cosine) shows nothing that could be matched. */
const GRAZING = 0.12;

/** What a view keeps for comparison: a coarse depth map of everything, and the landmark's points among it. */
export interface ViewGeometry {
  readonly camera: Camera;
  readonly columns: number;
  readonly rows: number;
  readonly step: number;
  /** Inverse depth of each cell's middle; 0 where the sky or something else than the landmark is seen. */
  readonly landmarkDepth: Float32Array;
  /** World positions and normals of the landmark points, six numbers each. */
  readonly points: Float32Array;
  /** Share of the image that shows the landmark. */
  readonly visible: number;
  /** Pixels [x1, y1, x2, y2] around it, without a hundredth of stray points on each side; null when it is not seen. */
  readonly box: readonly [number, number, number, number] | null;
}

/** Samples the geometry of a rendered view; the first `own` triangles are the landmark. */
export function viewGeometry(camera: Camera, mesh: Mesh, seen: Visibility, own: number): ViewGeometry {
  const step = Math.max(camera.width, camera.height) / GRID;
  const columns = Math.floor(camera.width / step);
  const rows = Math.floor(camera.height / step);
  const landmarkDepth = new Float32Array(columns * rows);
  const points: number[] = [];
  const xs: number[] = [];
  const ys: number[] = [];
  for (let j = 0; j < rows; j++)
    for (let i = 0; i < columns; i++) {
      const sx = Math.floor((i + 0.5) * step * seen.samples);
      const sy = Math.floor((j + 0.5) * step * seen.samples);
      const k = sy * seen.width + sx;
      const id = seen.triangle[k];
      if (id < 0 || id >= own) continue;
      const w = seen.inverseDepth[k];
      landmarkDepth[j * columns + i] = w;
      const x = (sx + 0.5) / seen.samples;
      const y = (sy + 0.5) / seen.samples;
      points.push(...unproject(camera, x, y, w), ...mesh.normal.subarray(id * 9, id * 9 + 3));
      xs.push(x);
      ys.push(y);
    }
  const n = xs.length;
  xs.sort((a, b) => a - b);
  ys.sort((a, b) => a - b);
  const cut = Math.floor(n * 0.01);
  const half = step / 2;
  return {
    camera,
    columns,
    rows,
    step,
    landmarkDepth,
    points: Float32Array.from(points),
    visible: n / (columns * rows),
    box: n
      ? [
          Math.max(0, xs[cut] - half),
          Math.max(0, ys[cut] - half),
          Math.min(camera.width, xs[n - 1 - cut] + half),
          Math.min(camera.height, ys[n - 1 - cut] + half),
        ]
      : null,
  };
}

/** The relation of view a to view b. */
export interface Overlap {
  /** Share of a's landmark points that b sees too, 0 to 1. */
  readonly share: number;
  /** Mean angle between the two rays to a common point, in degrees; 180 when nothing is common. */
  readonly angle: number;
  /** How many times larger b shows the common points (pixels a metre, at equal image size); 0 when nothing is common. */
  readonly scale: number;
}

/** Compares two views of one landmark. */
export function overlap(a: ViewGeometry, b: ViewGeometry): Overlap {
  const total = a.points.length / 6;
  if (total === 0) return { share: 0, angle: 180, scale: 0 };
  const [ax, ay, az] = a.camera.position;
  const [bx, by, bz] = b.camera.position;
  let common = 0;
  let angles = 0;
  let scales = 0;
  for (let k = 0; k < a.points.length; k += 6) {
    const x = a.points[k];
    const y = a.points[k + 1];
    const z = a.points[k + 2];
    const [px, py, depth] = project(b.camera, [x, y, z]);
    if (depth <= 0.2 || !(px >= 0 && py >= 0 && px < b.camera.width && py < b.camera.height)) continue;
    const ux = ax - x;
    const uy = ay - y;
    const uz = az - z;
    const vx = bx - x;
    const vy = by - y;
    const vz = bz - z;
    const ul = Math.sqrt(ux * ux + uy * uy + uz * uz);
    const vl = Math.sqrt(vx * vx + vy * vy + vz * vz);
    const nx = a.points[k + 3];
    const ny = a.points[k + 4];
    const nz = a.points[k + 5];
    const fromA = (ux * nx + uy * ny + uz * nz) / ul;
    const fromB = (vx * nx + vy * ny + vz * nz) / vl;
    // Both must look at the same side of the surface (walls are drawn double-sided).
    if (fromA * fromB <= 0 || Math.abs(fromB) < GRAZING) continue;
    if (!stands(b, px, py, depth)) continue;
    common++;
    angles += Math.acos(Math.min(1, Math.max(-1, (ux * vx + uy * vy + uz * vz) / (ul * vl))));
    scales += Math.log((b.camera.focal / vl / b.columns) * (ul / a.camera.focal) * a.columns);
  }
  if (common === 0) return { share: 0, angle: 180, scale: 0 };
  return { share: common / total, angle: ((angles / common) * 180) / Math.PI, scale: Math.exp(scales / common) };
}

/** Is the landmark seen in b around this pixel at about this depth? Neighbour cells count: the grid is coarse. */
function stands(b: ViewGeometry, px: number, py: number, depth: number): boolean {
  const i = Math.floor(px / b.step);
  const j = Math.floor(py / b.step);
  const margin = 0.15 + 0.02 * depth;
  for (let y = Math.max(0, j - 1); y <= Math.min(b.rows - 1, j + 1); y++)
    for (let x = Math.max(0, i - 1); x <= Math.min(b.columns - 1, i + 1); x++) {
      const w = b.landmarkDepth[y * b.columns + x];
      if (w > 0 && Math.abs(1 / w - depth) < margin) return true;
    }
  return false;
}
