/** @file Holes in walls: windows, doors and arches of any arch form, with reveals, frames, tracery and surrounds. */
import type { Builder, Material, V3 } from "./builder.js";
import { hash01 } from "./random.js";
import type { ArchForm, Style } from "./style.js";

/** A hole in a wall plane: centre x, foot y, width, full height (crown of the arch), depth of the reveal. */
export interface Opening {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  readonly form: ArchForm | "round-window";
  readonly depth: number;
}

/** Height of the arch above its springing, in half widths, at t from −1 (left) to 1 (right). */
function archCurve(form: Opening["form"], t: number): number {
  const a = Math.abs(t);
  switch (form) {
    case "flat":
      return 0;
    case "segmental":
      return (Math.sqrt(4 - t * t) - Math.sqrt(3)) * 1.2;
    case "pointed":
      return Math.sqrt(4 - (a + 1) ** 2);
    case "ogee":
      return a > 0.5 ? Math.sqrt(Math.max(0, 1 - a * a)) * 0.95 : 0.823 + 1.3 * (0.5 - a) ** 1.6;
    case "trefoil":
      return a > 0.4
        ? 0.75 * Math.sqrt(Math.max(0, 0.36 - (a - 0.4) ** 2))
        : 0.6 + Math.sqrt(Math.max(0, 0.2 - a * a)) * 1.1;
    default:
      return Math.sqrt(Math.max(0, 1 - t * t));
  }
}

/** Rise of the arch in half widths. */
export function rise(form: Opening["form"]): number {
  return archCurve(form, 0);
}

/** Stations across the opening: arches need more, denser at the springings where they are steep. */
function stations(form: Opening["form"]): number[] {
  const n = form === "flat" ? 1 : form === "segmental" ? 4 : 10;
  return Array.from({ length: n + 1 }, (_, i) => (n === 1 ? 2 * i - 1 : -Math.cos((i / n) * Math.PI)));
}

/** Upper and lower edge at station t, grown by `margin` metres on every side. */
function edges(o: Opening, t: number, margin = 0): { x: number; low: number; high: number } {
  const half = o.w / 2 + margin;
  if (o.form === "round-window") {
    const s = Math.sqrt(Math.max(0, 1 - t * t)) * half;
    const cy = o.y + o.h / 2;
    return { x: o.x + t * half, low: cy - s, high: cy + s };
  }
  const spring = o.y + o.h - (rise(o.form) * o.w) / 2;
  return { x: o.x + t * half, low: o.y, high: spring + (o.form === "flat" ? margin : 0) + archCurve(o.form, t) * half };
}

/** A wall panel from (x0, y0) to (x1, y1) in the plane z = 0, with an optional hole and its reveal. */
export function pierced(
  b: Builder,
  x0: number,
  x1: number,
  y0: number,
  y1: number,
  wall: Material,
  o?: Opening,
  reveal = wall,
): void {
  if (!o) {
    b.wall(x0, x1, y0, y1, 0, wall);
    return;
  }
  b.wall(x0, o.x - o.w / 2, y0, y1, 0, wall);
  b.wall(o.x + o.w / 2, x1, y0, y1, 0, wall);
  const ts = stations(o.form);
  for (let i = 0; i + 1 < ts.length; i++) {
    const p = edges(o, ts[i]);
    const q = edges(o, ts[i + 1]);
    b.quad([p.x, p.high, 0], [q.x, q.high, 0], [q.x, y1, 0], [p.x, y1, 0], wall);
    b.quad([p.x, p.high, -o.depth], [q.x, q.high, -o.depth], [q.x, q.high, 0], [p.x, p.high, 0], reveal);
    if (p.low > y0 + 1e-3 || q.low > y0 + 1e-3)
      b.quad([p.x, y0, 0], [q.x, y0, 0], [q.x, q.low, 0], [p.x, p.low, 0], wall);
    b.quad([p.x, p.low, 0], [q.x, q.low, 0], [q.x, q.low, -o.depth], [p.x, p.low, -o.depth], reveal);
  }
  for (const t of [-1, 1]) {
    const e = edges(o, t);
    if (e.high - e.low > 1e-3)
      b.quad([e.x, e.low, -o.depth], [e.x, e.low, 0], [e.x, e.high, 0], [e.x, e.high, -o.depth], reveal);
  }
}

/** Fills the opening at depth z with a flat sheet. */
export function sheetIn(b: Builder, o: Opening, z: number, material: Material): void {
  const ts = stations(o.form);
  for (let i = 0; i + 1 < ts.length; i++) {
    const p = edges(o, ts[i]);
    const q = edges(o, ts[i + 1]);
    b.quad([p.x, p.low, z], [q.x, q.low, z], [q.x, q.high, z], [p.x, p.high, z], material);
  }
}

/** A flat band that follows the opening between two margins, at height z, with its outer rim down to z = 0. */
export function band(
  b: Builder,
  o: Opening,
  inner: number,
  outer: number,
  z: number,
  material: Material,
  other?: Material,
): void {
  const ts = stations(o.form);
  for (let i = 0; i + 1 < ts.length; i++) {
    const m = other !== undefined && i & 1 ? other : material;
    const p = edges(o, ts[i], inner);
    const q = edges(o, ts[i + 1], inner);
    const u = edges(o, ts[i], outer);
    const v = edges(o, ts[i + 1], outer);
    b.quad([p.x, p.high, z], [q.x, q.high, z], [v.x, v.high, z], [u.x, u.high, z], m);
    b.quad([u.x, u.high, z], [v.x, v.high, z], [v.x, v.high, 0], [u.x, u.high, 0], m);
    if (o.form === "round-window") b.quad([u.x, u.low, z], [v.x, v.low, z], [q.x, q.low, z], [p.x, p.low, z], m);
  }
  if (o.form === "round-window") return;
  for (const t of [-1, 1]) {
    const p = edges(o, t, inner);
    const u = edges(o, t, outer);
    b.box(Math.min(p.x, u.x), Math.max(p.x, u.x), o.y, p.high, Math.min(0, z), Math.max(0, z), material);
  }
}

/** Glass with frame, bars, and tracery in the arch. `seed` gives every window its own curtains. */
export function windowIn(b: Builder, o: Opening, s: Style, seed: number, glazing = s.glass): void {
  const z = -o.depth + 0.03;
  b.tinted([0.7 + 0.6 * hash01(seed, 1), 0.7 + 0.6 * hash01(seed, 2), 0.7 + 0.6 * hash01(seed, 3)], () =>
    sheetIn(b, o, z, glazing),
  );
  const bar = Math.min(0.09, o.w * 0.06);
  band(b, o, -bar * 1.3, 0, z + 0.06, s.frame);
  const left = o.x - o.w / 2;
  const spring = o.form === "round-window" ? o.y + o.h / 2 : o.y + o.h - (rise(o.form) * o.w) / 2;
  if (o.form === "round-window") {
    for (let i = 0; i < 6; i++) {
      const a = (i / 6) * Math.PI;
      const dx = (Math.cos(a) * o.w) / 2;
      const dy = (Math.sin(a) * o.w) / 2;
      const tx = -Math.sin(a) * bar * 0.6;
      const ty = Math.cos(a) * bar * 0.6;
      const p = (sx: number, sy: number): V3 => [o.x + sx * dx + sy * tx, spring + sx * dy + sy * ty, z + 0.06];
      b.quad(p(-1, -1), p(1, -1), p(1, 1), p(-1, 1), s.trim);
    }
    ring(b, o.x, spring, o.w * 0.14, o.w * 0.2, z + 0.09, s.trim);
    if (o.w > 2.2)
      for (let i = 0; i < 12; i++)
        ring(
          b,
          o.x + Math.cos((i / 6) * Math.PI) * o.w * 0.37,
          spring + Math.sin((i / 6) * Math.PI) * o.w * 0.37,
          o.w * 0.06,
          o.w * 0.09,
          z + 0.09,
          s.trim,
        );
    return;
  }
  const columns = s.lights > 1 ? s.lights : s.panes[0];
  const heavy = s.lights > 1 ? bar * 1.6 : bar * 0.6;
  const stuff = s.lights > 1 ? s.trim : s.frame;
  for (let i = 1; i < columns; i++) {
    const x = left + (o.w * i) / columns;
    b.box(x - heavy / 2, x + heavy / 2, o.y, spring, z, z + 0.07, stuff);
  }
  const rows = s.panes[1];
  for (let i = 1; i < rows; i++) {
    const y = o.y + ((spring - o.y) * i) / rows;
    b.box(left, left + o.w, y - bar * 0.3, y + bar * 0.3, z, z + 0.05, s.frame);
  }
  if (o.form === "flat") return;
  b.box(left, left + o.w, spring - bar * 0.5, spring + bar * 0.5, z, z + 0.07, stuff);
  if (s.lights > 1) {
    const r = (o.w * Math.min(0.8, rise(o.form))) / 5;
    ring(b, o.x, spring + r * 1.35, r * 0.72, r, z + 0.08, s.trim);
    if (o.w > 1.6)
      for (const side of [-1, 1])
        ring(b, o.x + side * o.w * 0.26, spring + r * 0.3, r * 0.45, r * 0.65, z + 0.08, s.trim);
  } else
    for (let i = 1; i < 4; i++) {
      const a = (i / 4) * Math.PI;
      const c = Math.cos(a) * 0.5 * o.w;
      const e = edges(o, Math.cos(a));
      b.quad(
        [o.x - bar * 0.3, spring, z + 0.05],
        [o.x + bar * 0.3, spring, z + 0.05],
        [o.x + c + bar * 0.3, e.high, z + 0.05],
        [o.x + c - bar * 0.3, e.high, z + 0.05],
        s.frame,
      );
    }
}

function ring(b: Builder, x: number, y: number, inner: number, outer: number, z: number, material: Material): void {
  const n = 10;
  for (let i = 0; i < n; i++) {
    const p = (k: number, r: number): V3 => [
      x + Math.cos((k / n) * 2 * Math.PI) * r,
      y + Math.sin((k / n) * 2 * Math.PI) * r,
      z,
    ];
    b.quad(p(i, inner), p(i + 1, inner), p(i + 1, outer), p(i, outer), material);
  }
}

/** What frames the opening on the wall: band, ears, voussoirs or quoins, sill, keystone, hood, shutters. `index` alternates hoods. */
export function surroundOf(b: Builder, o: Opening, s: Style, index: number, sill = true): void {
  const m = Math.max(0.1, o.w * 0.13);
  const half = o.w / 2;
  const round = o.form === "round-window";
  if (s.surround === "band" || (round && s.surround !== "none")) band(b, o, 0, m, 0.07, s.trim);
  else if (s.surround === "voussoirs") band(b, o, 0, m * 1.5, 0.04, s.trim, s.wall2);
  else if (s.surround === "ears") {
    band(b, o, 0, m, 0.06, s.trim);
    for (const side of [-1, 1]) {
      const x = o.x + side * (half + m * 1.1);
      b.box(x - m * 0.4, x + m * 0.4, o.y + o.h * 0.72, o.y + o.h * 0.9, 0, 0.08, s.trim);
    }
  } else if (s.surround === "quoins") {
    band(b, o, 0, m * 0.7, 0.04, s.trim);
    const spring = o.y + o.h - rise(o.form) * half;
    const blocks = Math.max(2, Math.round((spring - o.y) / 0.45));
    for (let i = 0; i < blocks; i += 2)
      for (const side of [-1, 1]) {
        const y = o.y + ((spring - o.y) * i) / blocks;
        const x = o.x + side * (half + m);
        b.box(x - m, x + m, y, y + (spring - o.y) / blocks, 0, 0.06, s.trim);
      }
  }
  if (round) return;
  if (sill) b.box(o.x - half - m, o.x + half + m, o.y - 0.14, o.y, 0, 0.16, s.trim, true);
  const top = o.y + o.h + m;
  if (s.surround !== "none" && o.form !== "flat" && o.form !== "pointed")
    b.box(o.x - m * 0.6, o.x + m * 0.6, o.y + o.h - m * 0.4, top + m * 0.5, 0, 0.13, s.trim, true);
  const hood = s.hood === "alternate" ? (index & 1 ? "segment" : "triangle") : s.hood;
  if (hood !== "none" && sill && o.form === "flat") {
    const w = half + m * 1.8;
    b.box(o.x - w, o.x + w, top + 0.05, top + 0.17, 0, 0.25, s.trim, true);
    if (hood !== "cornice") {
      const n = hood === "triangle" ? 2 : 6;
      const up = (t: number) => top + 0.17 + w * 0.42 * (hood === "triangle" ? 1 - Math.abs(t) : 1 - t * t);
      for (let i = 0; i < n; i++) {
        const t0 = (2 * i) / n - 1;
        const t1 = (2 * i + 2) / n - 1;
        const p: V3 = [o.x + t0 * w, up(t0), 0.25];
        const q: V3 = [o.x + t1 * w, up(t1), 0.25];
        b.quad([p[0], top + 0.17, 0.06], [q[0], top + 0.17, 0.06], [q[0], q[1], 0.06], [p[0], p[1], 0.06], s.trim);
        b.quad(p, q, [q[0], q[1] + 0.12, 0.25], [p[0], p[1] + 0.12, 0.25], s.trim);
        b.quad(
          [p[0], p[1] + 0.12, 0.25],
          [q[0], q[1] + 0.12, 0.25],
          [q[0], q[1] + 0.12, 0],
          [p[0], p[1] + 0.12, 0],
          s.trim,
        );
        b.quad([p[0], p[1], 0], [q[0], q[1], 0], q, p, s.trim);
      }
    }
  }
  if (s.shutters && sill && o.form === "flat")
    for (const side of [-1, 1]) {
      const x = o.x + side * (half + half * 0.55);
      b.box(x - half * 0.45, x + half * 0.45, o.y, o.y + o.h, 0, 0.06, s.door);
    }
}

/** A door leaf with a fanlight. */
export function doorIn(b: Builder, o: Opening, s: Style): void {
  const z = -o.depth + 0.02;
  const spring = o.y + o.h - (rise(o.form) * o.w) / 2;
  sheetIn(b, { ...o, form: "flat", h: spring - o.y }, z, s.door);
  if (o.form !== "flat") {
    sheetIn(b, { ...o, y: spring, h: o.y + o.h - spring }, z, s.glass);
    b.box(o.x - o.w / 2, o.x + o.w / 2, spring - 0.08, spring + 0.08, z, z + 0.1, s.frame);
  }
  for (let i = -1; i <= 1; i += 2)
    for (let j = 0; j < 3; j++) {
      const h = (spring - o.y) / 3;
      const x = o.x + (i * o.w) / 4;
      b.box(x - o.w * 0.17, x + o.w * 0.17, o.y + h * (j + 0.15), o.y + h * (j + 0.85), z, z + 0.05, s.door);
    }
  b.box(o.x - 0.03, o.x + 0.03, o.y, spring, z, z + 0.06, s.frame);
}
