/** @file Churches, temples and domed basilicas. */
import type { Builder } from "./builder.js";
import { dome, roundWall, spire } from "./domes.js";
import { facade, facadeHeight } from "./facade.js";
import { cornice } from "./facadeTrim.js";
import { clockFace, parapets, pediment } from "./massParts.js";
import { pierced, surroundOf, windowIn } from "./opening.js";
import type { Rng } from "./random.js";
import { block, roof } from "./roof.js";
import { column, lathe } from "./solids.js";
import type { Style } from "./style.js";

/** Nave, west front with rose window, towers, aisles, apse, transept. */
export function church(b: Builder, s: Style, rng: Rng): number {
  const w = rng.range(9, 14);
  const length = w * rng.range(1.6, 2.8);
  const tall: Style = {
    ...s,
    floors: [rng.range(8, 13), rng.range(4, 6), 4],
    groundFloor: "windows",
    bay: rng.range(3.5, 5),
    quoins: false,
    dormers: 0,
    base: s.wall,
  };
  const wallHeight = facadeHeight(tall, 1);
  const pitch = rng.range(0.8, 1.5);
  const nave = { ...tall, roofPitch: pitch, roofForm: "gable" as const };
  // Nave: the long sides, then the west front with portal and rose.
  for (const side of [-1, 1])
    b.place(0, 0, 0, (side * Math.PI) / 2, () =>
      b.place(-length / 2, 0, w / 2, 0, () => facade(b, nave, rng, { width: length, floors: 1, stained: true })),
    );
  b.place(0, 0, 0, Math.PI, () =>
    b.place(-w / 2, 0, length / 2, 0, () => facade(b, nave, rng, { width: w, floors: 1, stained: true })),
  );
  const gable = (w / 2) * pitch;
  b.place(-w / 2, 0, length / 2, 0, () => {
    const lower = wallHeight * 0.5;
    facade(b, { ...tall, floors: [lower - 0.4, 4, 4], bay: w / 3, fill: 0.6, cornice: 0.3 }, rng, {
      width: w,
      floors: 1,
      door: true,
      stained: true,
    });
    const r = Math.min(w * 0.36, (wallHeight - lower) * 0.8);
    const rose = {
      x: w / 2,
      y: wallHeight - r * 0.9,
      w: r * 1.5,
      h: r * 1.5,
      form: "round-window" as const,
      depth: 0.5,
    };
    pierced(b, 0, w, lower, wallHeight + r * 0.7, s.wall, rose, s.trim);
    windowIn(b, rose, s, 3, s.stained);
    surroundOf(b, rose, { ...s, surround: s.surround === "none" ? "band" : s.surround }, 0);
    for (const x of [0, w]) b.box(x - 0.5, x + 0.5, 0, wallHeight + 1, -0.5, 0.6, s.trim);
    b.tri([0, wallHeight, -0.02], [w, wallHeight, -0.02], [w / 2, wallHeight + gable, -0.02], s.wall);
  });
  b.place(0, 0, 0, Math.PI / 2, () => {
    const flat = { ...nave, dormers: 0 };
    roof(b, flat, rng.fork("nave"), length, w, wallHeight, "gable");
  });
  let wide = w / 2;
  if (rng.chance(0.55)) {
    const aw = w * rng.range(0.3, 0.45);
    const aisle = { ...tall, floors: [wallHeight * 0.45, 3, 3] as const };
    for (const side of [-1, 1])
      b.place(side * (w / 2 + aw / 2 + 0.2), 0, 0, 0, () => {
        const h = block(b, aisle, rng, aw, length * 0.95, 1, { stained: true });
        b.quad(
          [(side * aw) / 2 + side * 0.4, h, length * 0.48],
          [(side * aw) / 2 + side * 0.4, h, -length * 0.48],
          [(-side * aw) / 2, h + 2, -length * 0.48],
          [(-side * aw) / 2, h + 2, length * 0.48],
          s.roof,
        );
      });
    wide += aw;
  }
  const towers = rng.weighted({ none: 0.6, one: 1.5, two: 2 });
  const tw = w * rng.range(0.38, 0.55);
  const storeys = rng.int(3, 5);
  const towerStyle: Style = {
    ...tall,
    floors: [wallHeight * 0.55, wallHeight * rng.range(0.35, 0.5), wallHeight * 0.4],
    bay: tw / rng.int(1, 2),
    course: 0.3,
    quoins: rng.chance(0.5),
    pilasters: s.pilasters === "buttress" ? "flat" : s.pilasters,
  };
  const where = towers === "one" ? [rng.pick([0, 0, 1, -1])] : towers === "two" ? [-1, 1] : [];
  const tipSeed = rng.int(0, 1 << 30);
  for (const side of where)
    b.place(side * (wide + tw * 0.3), 0, length / 2 - (side === 0 ? -tw * 0.35 : tw * 0.5), 0, () => {
      const h = block(b, towerStyle, rng, tw, tw, storeys, { door: side === 0 });
      clockFace(b, s, tw / 2, h - s.cornice - 1.5, tw * 0.16);
      if (s.parapet !== "none") parapets(b, s, tw, tw, h);
      spire(b, s, rng.fork(tipSeed), rng.fork(tipSeed).chance(0.5) ? 8 : 4, tw * 0.5, h);
    });
  if (rng.chance(0.5))
    b.place(0, 0, -length / 2, 0, () => {
      roundWall(b, { ...tall, fill: 0.4 }, rng, w * 0.36, 0, wallHeight * 0.75);
      lathe(
        b,
        [
          [w * 0.39, wallHeight * 0.75],
          [0.05, wallHeight * 0.75 + w * 0.3],
        ],
        20,
        s.roof,
      );
    });
  if (rng.chance(0.3)) {
    const r = w * 0.3;
    b.place(0, 0, -length * 0.15, 0, () => {
      dome(b, s, rng, r, wallHeight + gable * 0.3);
    });
  }
  if (rng.chance(0.4))
    b.place(0, 0, -length * 0.15, Math.PI / 2, () => {
      // Transept.
      const h = block(b, tall, rng, w * 0.8, w + wide * 1.4, 1, { stained: true });
      roof(b, { ...nave, dormers: 0 }, rng.fork("transept"), w * 0.8, w + wide * 1.4, h, "gable");
    });
  return Math.PI;
}

/** Columns around a cella, or a porch before it, under a pediment. */
export function temple(b: Builder, s: Style, rng: Rng): number {
  const front = rng.pick([4, 6, 6, 8]);
  const h = rng.range(6, 12);
  const r = h / rng.range(13, 19);
  const pitch = r * rng.range(5, 7);
  const w = (front - 1) * pitch;
  const side = rng.chance(0.6) ? front * 2 + 1 : 3;
  const d = (side - 1) * pitch;
  const steps = rng.int(3, 9);
  for (let i = 0; i < steps; i++)
    b.box(
      -w / 2 - 1 - (steps - i) * 0.4,
      w / 2 + 1 + (steps - i) * 0.4,
      i * 0.3,
      i * 0.3 + 0.3,
      -d / 2 - 1 - (steps - i) * 0.4,
      d / 2 + 1 + (steps - i) * 0.4,
      s.base,
    );
  const y = steps * 0.3;
  b.place(0, y, 0, 0, () => {
    for (let i = 0; i < front; i++)
      for (const z of side > 3 ? [-d / 2, d / 2] : [d / 2])
        b.place(i * pitch - w / 2, 0, z, 0, () => column(b, h, r, s.order, s.trim));
    if (side > 3)
      for (let i = 1; i < side - 1; i++)
        for (const x of [-w / 2, w / 2]) b.place(x, 0, i * pitch - d / 2, 0, () => column(b, h, r, s.order, s.trim));
    const cw = side > 3 ? w - pitch * 1.1 : w + r * 3;
    const cd = side > 3 ? d - pitch * 2 : d * 2;
    b.place(0, 0, side > 3 ? 0 : -d * 0.75, 0, () =>
      block(b, { ...s, floors: [h - 0.8, 4, 4], base: s.wall, cornice: 0.4, groundFloor: "windows" }, rng, cw, cd, 1, {
        door: true,
      }),
    );
    const back = side > 3 ? -d / 2 : -d * 1.75;
    const x = w / 2 + r * 1.6;
    const z0 = back - r * 1.6;
    const z1 = d / 2 + r * 1.6;
    b.box(-x, x, h, h + r * 1.4, z0, z1, s.trim, true);
    b.picture(
      [-x, h + r * 1.4, z1 - 0.15],
      [x, h + r * 1.4, z1 - 0.15],
      [x, h + r * 2.8, z1 - 0.15],
      [-x, h + r * 2.8, z1 - 0.15],
      rng.chance(0.5) ? s.sign : s.trim,
      0.25,
    );
    b.box(-x + 0.2, x - 0.2, h + r * 1.4, h + r * 2.8, z0 + 0.2, z1 - 0.2, s.wall);
    for (const [turn, width, out] of [
      [0, 2 * x, z1],
      [Math.PI / 2, z1 - z0, x],
      [-Math.PI / 2, z1 - z0, x],
    ])
      b.place(0, 0, turn === 0 ? 0 : (z0 + z1) / 2, turn, () =>
        b.place(-width / 2, 0, out - 0.2, 0, () => cornice(b, { ...s, cornice: r * 1.6 }, width, h + r * 2.8)),
      );
    pediment(b, s, 2 * x, z1, h + r * 4.4);
    const rise = x * 0.44;
    for (const k of [-1, 1])
      b.quad(
        [k * (x + 0.4), h + r * 4.4, z1],
        [k * (x + 0.4), h + r * 4.4, z0],
        [0, h + r * 4.4 + rise + 0.3, z0],
        [0, h + r * 4.4 + rise + 0.3, z1],
        s.roof,
      );
  });
  return side > 3 ? Math.PI : 1.2;
}

/** A square hall under a dome, with smaller domes, portico and minarets. */
export function basilica(b: Builder, s: Style, rng: Rng): number {
  const w = rng.range(14, 24);
  const floors = rng.int(1, 2);
  const big: Style = { ...s, floors: [rng.range(6, 9), rng.range(4, 6), 4], bay: rng.range(3.4, 5), dormers: 0 };
  const h = block(b, big, rng, w, w, floors, { door: true });
  roof(b, s, rng, w, w, h, "flat");
  parapets(b, big, w, w, h);
  dome(b, s, rng.fork("main"), w * rng.range(0.26, 0.38), h);
  const seed = rng.int(0, 1 << 30);
  if (rng.chance(0.6))
    for (const x of [-1, 1])
      for (const z of [-1, 1])
        b.place(x * w * 0.38, 0, z * w * 0.38, 0, () => {
          dome(b, s, rng.fork(seed), w * 0.1, h);
        });
  if (rng.chance(0.6)) {
    const pw = w * rng.range(0.4, 0.6);
    const n = rng.pick([4, 6]);
    const ph = h * 0.8;
    b.place(0, 0, w / 2, 0, () => {
      b.box(-pw / 2 - 1, pw / 2 + 1, 0, 0.8, 0, 4.5, s.base);
      for (let i = 0; i < n; i++)
        b.place((i / (n - 1) - 0.5) * pw, 0.8, 3.2, 0, () => column(b, ph - 0.8, pw * 0.035, s.order, s.trim));
      b.box(-pw / 2 - 0.6, pw / 2 + 0.6, ph, ph + 1, 0, 4, s.trim, true);
      pediment(b, s, pw + 1.2, 3.6, ph + 1);
    });
  }
  if (rng.chance(0.4))
    for (const side of [-1, 1])
      b.place(side * (w / 2 + 2.5), 0, w / 2 - 2, 0, () => {
        const r = 2;
        const th = h * 1.5;
        roundWall(b, s, rng, r, 0, th, 4);
        spire(b, s, rng.fork(seed + 1), 16, r, th);
      });
  if (rng.chance(0.3)) b.place(0, 0, -w * 0.5, 0, () => roundWall(b, big, rng, w * 0.3, 0, h * 0.9));
  return Math.PI;
}
