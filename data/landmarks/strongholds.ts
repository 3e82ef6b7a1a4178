/** @file Towers, castles and gates. */
import type { Builder } from "./builder.js";
import { roundWall, spire } from "./domes.js";
import { facade } from "./facade.js";
import { cornice, parapet } from "./facadeTrim.js";
import { clockFace, parapets } from "./massParts.js";
import { band, pierced, sheetIn } from "./opening.js";
import type { Rng } from "./random.js";
import { block, roof } from "./roof.js";
import { column, lathe, polygon, prism } from "./solids.js";
import type { Style } from "./style.js";

/** Stacked sections, square, octagonal or round, under a spire. */
export function tower(b: Builder, s: Style, rng: Rng): number {
  const corners = rng.pick([4, 4, 8, 16]);
  let r = rng.range(3.5, 6);
  const sections = rng.int(2, 5);
  let y = 0;
  if (rng.chance(0.4)) {
    const h = block(b, s, rng, r * 4, r * 3.2, rng.int(1, 2), { door: true });
    roof(b, s, rng, r * 4, r * 3.2, h);
  }
  for (let i = 0; i < sections; i++) {
    const h = rng.range(5, 9);
    if (corners === 4) {
      const w = r * 1.7;
      const one = { ...s, floors: [h - 0.4, h, h] as const, bay: w / rng.int(1, 3), base: i ? s.wall : s.base };
      b.place(0, y, 0, 0, () => {
        block(b, one, rng, w, w, 1, { door: i === 0 });
      });
      y += h + s.cornice;
      b.box(-w / 2, w / 2, y - 0.3, y, -w / 2, w / 2, s.trim);
      if (i === sections - 1) clockFace(b, { ...s, balcony: 0 }, w / 2, y - s.cornice - w * 0.24, w * 0.2);
    } else if (corners === 8) {
      const side = 2 * r * Math.tan(Math.PI / 8) * 0.924;
      const out = r * 0.924;
      for (let k = 0; k < 8; k++)
        b.place(0, y, 0, (k * Math.PI) / 4, () =>
          b.place(-side / 2, 0, out, 0, () =>
            facade(b, { ...s, floors: [h - 0.4, h, h], bay: side, pilasters: "none" }, rng, {
              width: side,
              floors: 1,
              door: i === 0 && k === 0,
            }),
          ),
        );
      y += h + s.cornice;
      prism(b, polygon(8, r), y - 0.2, y, s.trim);
    } else {
      roundWall(b, s, rng, r, y, h, 2);
      y += h;
      b.place(0, y, 0, 0, () =>
        lathe(
          b,
          [
            [r, 0],
            [r * 1.15, s.cornice * 0.6],
            [r * 1.18, s.cornice],
            [r * 0.8, s.cornice],
          ],
          24,
          s.trim,
        ),
      );
      y += s.cornice;
    }
    r *= rng.range(0.78, 1);
  }
  if (corners === 4 && s.parapet !== "none") parapets(b, s, r * 1.7, r * 1.7, y);
  spire(b, s, rng, corners, r * (corners === 4 ? 1.1 : 0.95), y);
  return Math.PI;
}

/** A ring of walls and round towers around a keep. */
export function castle(b: Builder, s: Style, rng: Rng): number {
  const corners = rng.int(4, 6);
  const R = rng.range(12, 20);
  const h = rng.range(6, 10);
  const wallStyle: Style = {
    ...s,
    floors: [h * 0.6, h * 0.5, 4],
    fill: 0.2,
    bay: rng.range(4, 7),
    parapet: "crenels",
    groundFloor: "windows",
    shutters: false,
    dentils: rng.pick(["corbels", "arches"]),
    stripes: 0,
  };
  const inR = R * Math.cos(Math.PI / corners);
  const side = 2 * R * Math.sin(Math.PI / corners);
  for (let i = 0; i < corners; i++)
    b.place(0, 0, 0, (i / corners) * Math.PI * 2, () =>
      b.place(-side / 2, 0, inR, 0, () => {
        const fh = facade(b, wallStyle, rng, { width: side, floors: 2, door: i === 0 });
        parapet(b, wallStyle, side, fh);
        b.quad([0, fh, 0], [side, fh, 0], [side, fh, -2], [0, fh, -2], s.base);
        b.wall(0, side, 0, fh, -2, s.wall);
      }),
    );
  for (let i = 0; i < corners; i++) {
    const r = rng.range(2.2, 4.2);
    const th = h * rng.range(1.2, 1.9);
    const a = ((i + 0.5) / corners) * Math.PI * 2;
    b.place(Math.sin(a) * R, 0, Math.cos(a) * R, rng.range(0, 1), () => {
      roundWall(b, wallStyle, rng, r, 0, th, 3);
      lathe(
        b,
        [
          [r, th - 0.6],
          [r * 1.14, th],
          [r * 1.14, th + 0.9],
          [r * 0.9, th + 0.9],
          [r * 0.9, th],
        ],
        20,
        s.wall,
      );
      for (let k = 0; k < 10; k++)
        b.place(0, th + 0.9, 0, (k / 10) * Math.PI * 2, () =>
          b.box(-r * 0.2, r * 0.2, 0, 0.8, r * 0.92, r * 1.13, s.wall),
        );
      if (rng.chance(0.5)) spire(b, { ...s, spire: "cone" }, rng, 16, r * 0.9, th + 0.3);
    });
  }
  const kw = R * rng.range(0.5, 0.8);
  b.place(rng.range(-0.2, 0.2) * R, 0, rng.range(-0.3, 0) * R, 0, () => {
    const kh = block(b, { ...wallStyle, fill: 0.3, bay: 3.5 }, rng, kw, kw * 0.8, rng.int(3, 5));
    if (rng.chance(0.5)) roof(b, s, rng, kw, kw * 0.8, kh);
    else parapets(b, wallStyle, kw, kw * 0.8, kh);
  });
  return Math.PI;
}

/** A triumphal arch with one or three openings. */
export function arch(b: Builder, s: Style, rng: Rng): number {
  const w = rng.range(11, 20);
  const h = w * rng.range(0.7, 1);
  const d = w * rng.range(0.25, 0.4);
  const triple = rng.chance(0.5);
  const form = s.doorArch === "flat" ? "round" : s.doorArch;
  const big = { x: 0, y: 0, w: w * (triple ? 0.28 : 0.36), h: h * 0.66, form, depth: d };
  for (const turn of [0, Math.PI])
    b.place(0, 0, 0, turn, () =>
      b.place(0, 0, d / 2, 0, () => {
        pierced(b, -big.w * 0.75, big.w * 0.75, 0, h, s.wall, big, s.inlay);
        band(b, big, 0, 0.5, 0.25, s.trim, s.surround === "voussoirs" ? s.wall2 : undefined);
        for (const side of [-1, 1]) {
          const x0 = side < 0 ? -w / 2 : big.w * 0.75;
          const x1 = x0 + w / 2 - big.w * 0.75;
          const mid = (x0 + x1) / 2;
          const small = { ...big, x: mid, w: w * 0.12, h: h * 0.4 };
          pierced(b, x0, x1, 0, h * 0.5, s.wall, triple ? small : undefined, s.trim);
          if (triple) band(b, small, 0, 0.3, 0.15, s.trim);
          else sheetIn(b, { x: mid, y: h * 0.12, w: w * 0.12, h: h * 0.25, form, depth: 0 }, 0.08, s.panel);
          b.wall(x0, x1, h * 0.5, h, 0, s.wall);
          const half = Math.min((x1 - x0) * 0.36, h * 0.1);
          b.picture(
            [mid - half, h * 0.56, 0.12],
            [mid + half, h * 0.56, 0.12],
            [mid + half, h * 0.56 + 2 * half, 0.12],
            [mid - half, h * 0.56 + 2 * half, 0.12],
            s.panel,
          );
          for (const x of [x0 + 0.5, x1 - 0.5])
            b.place(x, 0.8, 0.7, 0, () => {
              b.box(-0.8, 0.8, -0.8, 0, -0.7, 0.7, s.base);
              column(b, h * 0.72, h * 0.035, s.order, s.trim);
            });
        }
        b.place(-w / 2, 0, 0, 0, () => cornice(b, { ...s, cornice: h * 0.09 }, w, h * 0.78));
      }),
    );
  for (const side of [-1, 1]) b.place(0, 0, 0, (side * Math.PI) / 2, () => b.wall(-d / 2, d / 2, 0, h, w / 2, s.wall));
  const attic = h * rng.range(1.15, 1.3);
  b.box(-w / 2, w / 2, h * 0.87, attic, -d / 2, d / 2, s.wall2);
  const inscribed = rng.chance(0.5);
  b.picture(
    [-w * 0.3, h * 0.95, d / 2 + 0.06],
    [w * 0.3, h * 0.95, d / 2 + 0.06],
    [w * 0.3, attic - 0.5, d / 2 + 0.06],
    [-w * 0.3, attic - 0.5, d / 2 + 0.06],
    inscribed ? s.sign : s.panel,
    inscribed ? 0.25 : 1,
    inscribed ? 1 : Math.max(1, Math.round((w * 0.6) / (attic - 0.5 - h * 0.95))),
  );
  parapets(b, s, w, d, attic);
  return Math.PI;
}
