/** @file Solids of revolution, prisms and mouldings. */
import type { Builder, Material, V3 } from "./builder.js";

/** A profile point: [radius, height] of a lathe, [depth, height] of a moulding. */
export type Profile = readonly (readonly [number, number])[];

/** Turns a profile about the vertical through the origin. Smooth around; along the profile smooth when `soft`. */
export function lathe(
  b: Builder,
  profile: Profile,
  segments: number,
  material: Material,
  soft = false,
  from = 0,
  to = Math.PI * 2,
): void {
  const slope = (i: number): [number, number] => {
    const p = profile[Math.max(0, i - (soft ? 1 : 0))];
    const q = profile[Math.min(profile.length - 1, i + 1)];
    const dr = q[0] - p[0];
    const dy = q[1] - p[1];
    const l = Math.hypot(dr, dy) || 1;
    return [dy / l, -dr / l];
  };
  for (let i = 0; i + 1 < profile.length; i++) {
    const [r0, y0] = profile[i];
    const [r1, y1] = profile[i + 1];
    const n0 = slope(i);
    const n1 = soft ? slope(i + 1) : n0;
    const round = Math.max(r0, r1);
    for (let s = 0; s < segments; s++) {
      const a = from + ((to - from) * s) / segments;
      const c = from + ((to - from) * (s + 1)) / segments;
      const at = (angle: number, r: number, y: number): V3 => [Math.sin(angle) * r, y, Math.cos(angle) * r];
      const facing = (angle: number, n: [number, number]): V3 => [Math.sin(angle) * n[0], n[1], Math.cos(angle) * n[0]];
      const [p, q, u, v] = [at(a, r0, y0), at(c, r0, y0), at(c, r1, y1), at(a, r1, y1)];
      // On flat parts the height says nothing: the radius stands in for it.
      const v0 = Math.abs(y1 - y0) < 0.3 * Math.abs(r1 - r0) ? r0 : y0;
      const v1 = v0 === r0 ? r1 : y1;
      if (r0 > 1e-6)
        b.tri(
          p,
          q,
          u,
          material,
          [facing(a, n0), facing(c, n0), facing(c, n1)],
          [a * round, v0, c * round, v0, c * round, v1],
        );
      if (r1 > 1e-6)
        b.tri(
          p,
          u,
          v,
          material,
          [facing(a, n0), facing(c, n1), facing(a, n1)],
          [a * round, v0, c * round, v1, a * round, v1],
        );
    }
  }
}

/** Regular polygon of n corners in the xz plane, first edge facing +z. */
export function polygon(n: number, radius: number): [number, number][] {
  return Array.from({ length: n }, (_, i) => {
    const a = ((i - 0.5) / n) * Math.PI * 2;
    return [Math.sin(a) * radius, Math.cos(a) * radius];
  });
}

/** Upright walls over a polygon, optionally with a lid; `top` scales the upper polygon (0 makes a pyramid). */
export function prism(
  b: Builder,
  corners: readonly (readonly [number, number])[],
  y0: number,
  y1: number,
  material: Material,
  top = 1,
  lid = true,
): void {
  for (let i = 0; i < corners.length; i++) {
    const [x0, z0] = corners[i];
    const [x1, z1] = corners[(i + 1) % corners.length];
    const mid = Math.atan2((x0 + x1) / 2, (z0 + z1) / 2);
    const length = Math.hypot(x1 - x0, z1 - z0);
    const depth = (x0 * Math.sin(mid) + z0 * Math.cos(mid)) as number;
    // Each side in its own frame, so that the texture follows the wall.
    b.place(0, 0, 0, mid, () => {
      const h = length / 2;
      b.quad([-h, y0, depth], [h, y0, depth], [h * top, y1, depth * top], [-h * top, y1, depth * top], material);
    });
    if (lid && top > 0) b.tri([0, y1, 0], [x0 * top, y1, z0 * top], [x1 * top, y1, z1 * top], material);
  }
}

/** A moulding: the profile [depth, height] drawn along x at the wall plane z = 0, with closed ends. */
export function moulding(b: Builder, x0: number, x1: number, y: number, profile: Profile, material: Material): void {
  const n = b.bend ? Math.max(1, Math.ceil((x1 - x0) / b.bendStep)) : 1;
  for (let i = 0; i + 1 < profile.length; i++) {
    const [d0, h0] = profile[i];
    const [d1, h1] = profile[i + 1];
    for (let s = 0; s < n; s++) {
      const a = x0 + ((x1 - x0) * s) / n;
      const c = x0 + ((x1 - x0) * (s + 1)) / n;
      b.quad([a, y + h0, d0], [c, y + h0, d0], [c, y + h1, d1], [a, y + h1, d1], material);
    }
    for (const x of [x0, x1]) b.quad([x, y + h0, 0], [x, y + h0, d0], [x, y + h1, d1], [x, y + h1, 0], material);
  }
}

/** A classical cornice profile of total height h and projection d. */
export function corniceProfile(h: number, d: number): Profile {
  return [
    [0, 0],
    [d * 0.2, h * 0.05],
    [d * 0.25, h * 0.3],
    [d * 0.55, h * 0.4],
    [d * 0.6, h * 0.6],
    [d * 0.95, h * 0.7],
    [d, h * 0.95],
    [0, h],
  ];
}

/** A ball of radius r around the origin, stretched to height h. */
export function ball(b: Builder, y: number, r: number, material: Material, segments = 10, h = r): void {
  const rings = Math.max(4, segments >> 1);
  lathe(
    b,
    Array.from({ length: rings + 1 }, (_, i) => [
      r * Math.sin((i / rings) * Math.PI),
      y - h * Math.cos((i / rings) * Math.PI),
    ]),
    segments,
    material,
    true,
  );
}

/** Form of base and capital. */
export type ColumnOrder = "doric" | "ionic" | "leafy" | "plain";

/** A free column on the origin: base, shaft with entasis, capital, abacus. `half` draws the outward half only. */
export function column(
  b: Builder,
  height: number,
  radius: number,
  order: ColumnOrder,
  material: Material,
  half = false,
): void {
  const r = radius;
  const base = order === "doric" || order === "plain" ? 0.3 * r : r;
  const cap = order === "leafy" ? 2.2 * r : order === "ionic" ? 1.1 * r : 0.9 * r;
  const shaft = height - base - cap;
  const capital: [number, number][] =
    order === "leafy"
      ? [
          [0.88 * r, 0],
          [0.98 * r, 0.1],
          [0.9 * r, 0.3],
          [1.05 * r, 0.5],
          [0.95 * r, 0.55],
          [1.15 * r, 0.8],
          [1.5 * r, 1],
        ]
      : order === "ionic"
        ? [
            [0.95 * r, 0],
            [1.05 * r, 0.2],
            [1.0 * r, 0.35],
            [1.4 * r, 0.5],
            [1.4 * r, 1],
          ]
        : [
            [0.85 * r, 0],
            [0.95 * r, 0.1],
            [0.85 * r, 0.2],
            [1.3 * r, 0.6],
            [1.3 * r, 1],
          ];
  const profile: [number, number][] = [
    [1.35 * r, 0],
    [1.35 * r, base * 0.45],
    [1.15 * r, base * 0.6],
    [1.2 * r, base * 0.8],
    [r, base],
    [0.99 * r, base + shaft * 0.35],
    [0.85 * r, base + shaft],
    ...capital.map(([x, t]): [number, number] => [x, base + shaft + t * cap * 0.85]),
  ];
  lathe(b, profile, half ? 7 : 12, material, false, half ? -Math.PI / 2 : 0, half ? Math.PI / 2 : Math.PI * 2);
  b.box(-1.45 * r, 1.45 * r, height - cap * 0.15, height, half ? 0 : -1.45 * r, 1.45 * r, material, true);
}
