/**
 * @file Visibility rasteriser: which triangle does each sample see, and at what depth.
 *
 * Homogeneous edge functions (Olano and Greer 1997): with the corners A, B, C in camera space, the rows of [A B C]⁻¹
 * times the ray (x, y, 1) are the barycentric weights over depth, λᵢ / z. Inside means all three are positive; their
 * sum is 1 / z. Nothing needs clipping, the same nine numbers give the weights back while shading, and each row of a
 * triangle is one solved span, so the inner loop is a depth test alone.
 */
import type { Mesh } from "./builder.js";
import type { Camera } from "./camera.js";

/** Nearest visible distance. */
const NEAR = 0.2;

/** Samples of one view. `triangle` is −1 where the sky is seen; `inverseDepth` is 0 there. */
export interface Visibility {
  readonly width: number;
  readonly height: number;
  /** Samples a pixel along each side. */
  readonly samples: number;
  readonly triangle: Int32Array;
  readonly inverseDepth: Float32Array;
  /** Nine numbers a triangle: three edge functions a·x + b·y + c in sample coordinates. */
  readonly edges: Float64Array;
}

let edgeStore = new Float64Array(0);

/** Rasterises the mesh at `samples`² samples a pixel. The edge table is reused by the next call. */
export function rasterise(mesh: Mesh, camera: Camera, samples: number): Visibility {
  const width = camera.width * samples;
  const height = camera.height * samples;
  const triangle = new Int32Array(width * height).fill(-1);
  const inverseDepth = new Float32Array(width * height);
  if (edgeStore.length < mesh.count * 9) edgeStore = new Float64Array(Math.ceil(mesh.count * 9 * 1.3));
  const edges = edgeStore;
  const { right, up, forward, position: eye } = camera;
  const f = camera.focal * samples;
  const cx = width / 2;
  const cy = height / 2;
  const p = mesh.position;
  for (let t = 0; t < mesh.count; t++) {
    const i = t * 9;
    let dx = p[i] - eye[0];
    let dy = p[i + 1] - eye[1];
    let dz = p[i + 2] - eye[2];
    const az = dx * forward[0] + dy * forward[1] + dz * forward[2];
    const ax = dx * right[0] + dy * right[1] + dz * right[2];
    const ay = dx * up[0] + dy * up[1] + dz * up[2];
    dx = p[i + 3] - eye[0];
    dy = p[i + 4] - eye[1];
    dz = p[i + 5] - eye[2];
    const bz = dx * forward[0] + dy * forward[1] + dz * forward[2];
    const bx = dx * right[0] + dy * right[1] + dz * right[2];
    const by = dx * up[0] + dy * up[1] + dz * up[2];
    dx = p[i + 6] - eye[0];
    dy = p[i + 7] - eye[1];
    dz = p[i + 8] - eye[2];
    const qz = dx * forward[0] + dy * forward[1] + dz * forward[2];
    const qx = dx * right[0] + dy * right[1] + dz * right[2];
    const qy = dx * up[0] + dy * up[1] + dz * up[2];
    if (az < NEAR && bz < NEAR && qz < NEAR) continue;
    let x0 = 0;
    let x1 = width - 1;
    let y0 = 0;
    let y1 = height - 1;
    if (az > NEAR && bz > NEAR && qz > NEAR) {
      const sax = ax / az;
      const sbx = bx / bz;
      const sqx = qx / qz;
      const say = ay / az;
      const sby = by / bz;
      const sqy = qy / qz;
      const left = cx + f * Math.min(sax, sbx, sqx) - 0.5;
      const rightmost = cx + f * Math.max(sax, sbx, sqx) - 0.5;
      const top = cy - f * Math.max(say, sby, sqy) - 0.5;
      const bottom = cy - f * Math.min(say, sby, sqy) - 0.5;
      if (left > x0) x0 = Math.ceil(left);
      if (rightmost < x1) x1 = Math.floor(rightmost);
      if (top > y0) y0 = Math.ceil(top);
      if (bottom < y1) y1 = Math.floor(bottom);
      if (x0 > x1 || y0 > y1) continue;
    }
    // Rows of the inverse: B × C, C × A, A × B over the determinant, then rays in sample coordinates folded in.
    const ux = by * qz - bz * qy;
    const uy = bz * qx - bx * qz;
    const uz = bx * qy - by * qx;
    const det = ax * ux + ay * uy + az * uz;
    if (Math.abs(det) < 1e-9) continue;
    const s = 1 / det;
    const g = s / f;
    const vx = qy * az - qz * ay;
    const vy = qz * ax - qx * az;
    const vz = qx * ay - qy * ax;
    const wx = ay * bz - az * by;
    const wy = az * bx - ax * bz;
    const wz = ax * by - ay * bx;
    const ea = ux * g;
    const eb = -uy * g;
    const ec = uz * s - (cx - 0.5) * ea - (cy - 0.5) * eb;
    const fa = vx * g;
    const fb = -vy * g;
    const fc = vz * s - (cx - 0.5) * fa - (cy - 0.5) * fb;
    const ga = wx * g;
    const gb = -wy * g;
    const gc = wz * s - (cx - 0.5) * ga - (cy - 0.5) * gb;
    edges[i] = ea;
    edges[i + 1] = eb;
    edges[i + 2] = ec;
    edges[i + 3] = fa;
    edges[i + 4] = fb;
    edges[i + 5] = fc;
    edges[i + 6] = ga;
    edges[i + 7] = gb;
    edges[i + 8] = gc;
    const za = ea + fa + ga;
    const zb = eb + fb + gb;
    const zc = ec + fc + gc;
    for (let y = y0; y <= y1; y++) {
      let l = x0;
      let r = x1;
      const e = eb * y + ec;
      const h = fb * y + fc;
      const k = gb * y + gc;
      if (ea > 0) l = Math.max(l, -e / ea);
      else if (ea < 0) r = Math.min(r, -e / ea);
      else if (e < 0) continue;
      if (fa > 0) l = Math.max(l, -h / fa);
      else if (fa < 0) r = Math.min(r, -h / fa);
      else if (h < 0) continue;
      if (ga > 0) l = Math.max(l, -k / ga);
      else if (ga < 0) r = Math.min(r, -k / ga);
      else if (k < 0) continue;
      const first = Math.ceil(l);
      const last = Math.floor(r);
      let w = za * first + zb * y + zc;
      const row = y * width;
      for (let x = row + first; x <= row + last; x++, w += za)
        if (w > inverseDepth[x] && w < 1 / NEAR) {
          inverseDepth[x] = w;
          triangle[x] = t;
        }
    }
  }
  return { width, height, samples, triangle, inverseDepth, edges };
}
