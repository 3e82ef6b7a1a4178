/** @file Roofs, dormers, chimneys, domes, spires. */
import type { Builder, V3 } from "./builder.js";
import { facade } from "./facade.js";
import { pierced, surroundOf, windowIn } from "./opening.js";
import type { Rng } from "./random.js";
import type { Style } from "./style.js";

/** A roof over the rectangle |x| ≤ w/2, |z| ≤ d/2 at height y. The ridge runs along the longer side, or along x. */
export function roof(
  b: Builder,
  s: Style,
  rng: Rng,
  w: number,
  d: number,
  y: number,
  form = s.roofForm,
  alongX = false,
): void {
  if (d > w && !alongX) {
    b.place(0, 0, 0, Math.PI / 2, () => roof(b, s, rng, d, w, y, form));
    return;
  }
  const eave = 0.5;
  const x = w / 2 + eave;
  const z = d / 2 + eave;
  const rise = form === "mansard" ? Math.min(3.2, d * 0.35) : z * s.roofPitch;
  if (form === "flat") {
    b.box(-w / 2, w / 2, y, y + 0.1, -d / 2, d / 2, s.roof);
    return;
  }
  if (form === "mansard") {
    const inset = rise * 0.35;
    slopes(b, s, x, z, y, inset, rise);
    const x2 = x - inset;
    const z2 = z - inset;
    hip(b, s, x2, z2, y + rise, z2 * 0.35);
    dormers(b, s, w, z - inset * 0.35, y + 0.3, 1);
  } else if (form === "hip") {
    hip(b, s, x, z, y, rise);
    dormers(b, s, w * 0.7, z * 0.72, y + rise * 0.2, 0.7);
  } else {
    for (const side of [-1, 1]) {
      b.quad([-x, y, side * z], [x, y, side * z], [x, y + rise, 0], [-x, y + rise, 0], s.roof);
      const g = side * (w / 2);
      const h = (rise * (d / 2)) / z;
      b.tri([g, y, -d / 2], [g, y, d / 2], [g, y + h, 0], s.wall);
      b.place(0, 0, 0, (side * Math.PI) / 2, () => {
        if (h > 2.4) {
          const o = { x: 0, y: y + h * 0.2, w: 0.8, h: 1.3, form: s.windows[2], depth: 0.05 };
          b.place(0, 0, w / 2 + 0.08, 0, () => {
            windowIn(b, o, s, 5);
            surroundOf(b, o, s, 0);
          });
        }
        for (const k of [-1, 1])
          b.quad(
            [k * (d / 2 + 0.2), y - 0.1, w / 2 + 0.02],
            [0, y + h + 0.05, w / 2 + 0.02],
            [0, y + h + 0.4, w / 2 + 0.3],
            [k * (d / 2 + 0.3), y + 0.25, w / 2 + 0.3],
            s.trim,
          );
      });
    }
    dormers(b, s, w * 0.9, z * 0.72, y + rise * 0.2, 0.7);
  }
  const chimneys = rng.int(0, 3);
  for (let i = 0; i < chimneys; i++) {
    const cx = rng.range(-0.4, 0.4) * w;
    const cz = rng.range(-0.2, 0.2) * d;
    const top = y + rise + rng.range(0.6, 1.4);
    b.box(cx - 0.4, cx + 0.4, y, top, cz - 0.3, cz + 0.3, s.wall2);
    b.box(cx - 0.5, cx + 0.5, top - 0.2, top, cz - 0.4, cz + 0.4, s.trim);
  }
}

function slopes(b: Builder, s: Style, x: number, z: number, y: number, inset: number, rise: number): void {
  const lower: V3[] = [
    [-x, y, z],
    [x, y, z],
    [x, y, -z],
    [-x, y, -z],
  ];
  const upper: V3[] = [
    [inset - x, y + rise, z - inset],
    [x - inset, y + rise, z - inset],
    [x - inset, y + rise, inset - z],
    [inset - x, y + rise, inset - z],
  ];
  for (let i = 0; i < 4; i++) b.quad(lower[i], lower[(i + 1) % 4], upper[(i + 1) % 4], upper[i], s.roof);
}

function hip(b: Builder, s: Style, x: number, z: number, y: number, rise: number): void {
  const r = Math.max(0, x - z);
  for (const side of [-1, 1]) {
    b.quad([-x, y, side * z], [x, y, side * z], [r, y + rise, 0], [-r, y + rise, 0], s.roof);
    b.tri([side * x, y, z], [side * x, y, -z], [side * r, y + rise, 0], s.roof);
  }
}

function dormers(b: Builder, s: Style, w: number, z: number, y: number, scale: number): void {
  if (!s.dormers) return;
  const n = Math.floor((w / s.bay) * s.dormers);
  for (let i = 0; i < n; i++)
    for (const turn of [0, Math.PI])
      b.place(0, 0, 0, turn, () =>
        b.place(
          -w / 2 + ((i + 0.5) * w) / n,
          y,
          z,
          0,
          () => {
            b.box(-0.75, 0.75, 0, 1.7, -2.2, -0.02, s.wall);
            const o = {
              x: 0,
              y: 0.3,
              w: 0.95,
              h: 1.25,
              form: s.windows[2] === "pointed" ? ("pointed" as const) : ("flat" as const),
              depth: 0.02,
            };
            pierced(b, -0.75, 0.75, 0, 1.7, s.trim, o);
            windowIn(b, o, s, i);
            for (const k of [-1, 1])
              b.quad([k * 0.95, 1.6, 0.2], [0, 2.3, 0.2], [0, 2.3, -2.4], [k * 0.95, 1.6, -2.4], s.roof);
            b.tri([-0.8, 1.7, 0.02], [0.8, 1.7, 0.02], [0, 2.25, 0.02], s.trim);
          },
          scale,
        ),
      );
}

/** The four facades of a block centred on the origin; returns its wall height. `front` gets the portal. */
export function block(
  b: Builder,
  s: Style,
  rng: Rng,
  w: number,
  d: number,
  floors: number,
  options: { door?: boolean; stained?: boolean; modestBack?: boolean } = {},
): number {
  let h = 0;
  const sides: [number, number, number][] = [
    [0, w, d / 2],
    [Math.PI / 2, d, w / 2],
    [Math.PI, w, d / 2],
    [-Math.PI / 2, d, w / 2],
  ];
  for (const [turn, width, out] of sides)
    b.place(0, 0, 0, turn, () =>
      b.place(-width / 2, 0, out, 0, () => {
        h = facade(b, s, rng, {
          width,
          floors,
          door: options.door && turn === 0,
          stained: options.stained,
          modest: options.modestBack && turn === Math.PI,
        });
      }),
    );
  return h;
}
