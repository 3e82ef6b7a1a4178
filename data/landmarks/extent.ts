/** @file How large a landmark is, and how far around it one can walk. */
import type { Mesh } from "./builder.js";

/** Extent of a landmark around the vertical through the origin. */
export interface Extent {
  readonly radius: number;
  readonly height: number;
  /** Largest azimuth from the front at which cameras stand. */
  readonly around: number;
}

/** Measures the first `count` triangles. The radius is that of nearly all corners: an outstretched spear does not count. */
export function measure(mesh: Mesh, count: number, around: number): Extent {
  const p = mesh.position;
  const radii = new Float32Array(count * 3);
  let height = 0;
  for (let k = 0; k < count * 3; k++) {
    radii[k] = Math.hypot(p[3 * k], p[3 * k + 2]);
    height = Math.max(height, p[3 * k + 1]);
  }
  radii.sort();
  return { radius: Math.max(2.5, radii[Math.floor(radii.length * 0.995)] ?? 0), height, around };
}
