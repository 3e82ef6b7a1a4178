/** @file Wall textures: brick bonds, ashlar and rubble stone, plaster, concrete, timber, marble. */
import { vary } from "./colours.js";
import { at, noiseLibrary, TILE } from "./noise.js";
import { hash01, type Rng } from "./random.js";
import { bake, type Rgb, type Texel, type Texture } from "./texture.js";

/** Writes colour × gain, with an offset that warms (positive) or cools. */
export function put(texel: Texel, colour: Rgb, gain: number, warm = 0): void {
  texel.r = colour[0] * gain * (1 + warm);
  texel.g = colour[1] * gain;
  texel.b = colour[2] * gain * (1 - warm);
}

/** Running, English or Flemish bond with tone by brick and recessed mortar. */
export function brick(rng: Rng, colour: Rgb): Texture {
  const { soft, fine, mid } = noiseLibrary();
  const rows = rng.pick([16, 20, 24, 28]);
  const columns = Math.round(rows / rng.range(2.6, 3.4));
  const bond = rng.pick(["running", "english", "flemish"] as const);
  const mortar = vary(rng, rng.chance(0.7) ? [0.72, 0.69, 0.63] : [0.4, 0.38, 0.36], 0.1);
  const joint = rng.range(0.09, 0.16);
  const spread = rng.range(0.06, 0.3);
  const burnt = rng.chance(0.3) ? rng.range(0.05, 0.25) : 0;
  const seed = rng.int(0, 1 << 20);
  const shift = rng.int(0, 255);
  return bake({ metres: rows * 0.078, gloss: 0.02, kind: "surface", ageing: 0.7 }, (x, y, t) => {
    const v = (y * rows) / TILE;
    const row = Math.floor(v);
    let across = columns;
    let u = (x / TILE) * columns + (row & 1) * 0.5;
    if (bond === "english" && row & 1) {
      across = columns * 2;
      u = (x / TILE) * across + 0.5;
    }
    let column = Math.floor(u);
    let fu = u - column;
    let width = TILE / across;
    if (bond === "flemish") {
      // A long brick (two thirds of the pitch) and a short one share each pitch.
      if (fu < 0.667) fu /= 0.667;
      else {
        fu = (fu - 0.667) / 0.333;
        column += 1000;
        width *= 0.333;
      }
    }
    const fv = v - row;
    const courseTexels = TILE / rows;
    const edge = Math.min(Math.min(fv, 1 - fv) * courseTexels, Math.min(fu, 1 - fu) * width) / courseTexels;
    const n = at(fine, x, y) - 0.5;
    const dirt = 0.8 + 0.35 * at(soft, x + shift, y);
    if (edge < joint * 0.5 * (1 + n)) {
      put(t, mortar, dirt * (0.94 + 0.2 * n));
      t.height = -0.012 + 0.003 * n;
      return;
    }
    const wrapped = ((column % across) + across) % across;
    const h = hash01(wrapped, row, seed);
    const dark = hash01(wrapped, row, seed + 1) < burnt ? 0.6 : 1;
    put(
      t,
      colour,
      dark * dirt * (1 + spread * (h - 0.5) * 2 + 0.18 * n + 0.1 * (at(mid, x, y) - 0.5)),
      0.2 * spread * (h - 0.5),
    );
    t.height = 0.004 * n + 0.004 * h;
  });
}

/** Dressed blocks in courses. `rustic` deepens the joints and pillows the faces. */
export function ashlar(rng: Rng, colour: Rgb, rustic = 0): Texture {
  const { soft, fine, mid, streak } = noiseLibrary();
  const rows = rng.pick([4, 5, 6, 8]);
  const course = rustic ? rng.range(0.42, 0.6) : rng.range(0.28, 0.5);
  const metres = rows * course;
  const cuts: number[][] = [];
  for (let r = 0; r < rows; r++) {
    const count = rng.int(Math.max(2, rows >> 1), rows - 1);
    const start = rng.next();
    const even = rng.chance(0.5) ? 0.05 : 0.3;
    cuts.push(
      Array.from({ length: count }, (_, i) => (start + (i + even * (rng.next() - 0.5)) / count) % 1).sort(
        (a, b) => a - b,
      ),
    );
  }
  const joint = rustic ? 0.045 : rng.range(0.012, 0.03);
  const spread = rng.range(0.04, 0.2);
  const pores = rng.range(0.05, 0.25);
  const jointGain = rustic ? 0.55 : rng.range(0.55, 1.1);
  const seed = rng.int(0, 1 << 20);
  const shift = rng.int(0, 255);
  return bake({ metres, gloss: 0.03, kind: "surface", ageing: 1 }, (x, y, t) => {
    const v = (y * rows) / TILE;
    const row = Math.floor(v);
    const u = x / TILE;
    const list = cuts[row];
    let index = list.length - 1;
    let gap = 1;
    for (let i = 0; i < list.length; i++) {
      if (u >= list[i]) index = i;
      const d = Math.abs(u - list[i]);
      gap = Math.min(gap, d, 1 - d);
    }
    const edge = Math.min(Math.min(v - row, row + 1 - v) * course, gap * metres);
    const n = at(fine, x, y) - 0.5;
    const h = hash01(index, row, seed);
    const dirt = 0.78 + 0.28 * at(soft, x + shift, y + shift) + 0.12 * at(streak, x, y);
    if (edge < joint * 0.5) {
      put(t, colour, dirt * jointGain);
      t.height = rustic ? -0.05 : -0.008;
      return;
    }
    put(
      t,
      colour,
      dirt * (1 + spread * (h - 0.5) * 2 + pores * (at(mid, x + 40 * row, y) - 0.5) + 0.2 * n),
      0.15 * spread * (hash01(index, row, seed + 9) - 0.5),
    );
    t.height = 0.004 * n + (rustic ? 0.035 * Math.min(1, edge / 0.1) * (0.7 + 0.6 * at(mid, x, y)) : 0);
  });
}

/** Field stones in mortar; also flint and cobbles, by cell size. */
export function rubble(rng: Rng, colour: Rgb, metres = rng.range(1.6, 3.2)): Texture {
  const { soft, fine, mid, cells } = noiseLibrary();
  const map = rng.pick(cells.slice(0, 3));
  const other = vary(rng, colour, 0.13);
  const spread = rng.range(0.15, 0.45);
  const mortarGain = rng.range(0.6, 1.2);
  const joint = rng.range(0.05, 0.13);
  const shift = rng.int(0, 255);
  return bake({ metres, gloss: 0.03, kind: "surface", ageing: 0.8 }, (x, y, t) => {
    const edge = at(map.border, x, y);
    const h = at(map.value, x, y);
    const n = at(fine, x, y) - 0.5;
    const dirt = 0.8 + 0.3 * at(soft, x + shift, y);
    if (edge < joint) {
      put(t, colour, dirt * mortarGain * (0.85 + 0.2 * n));
      t.height = -0.02;
      return;
    }
    put(t, h < 0.4 ? other : colour, dirt * (1 + spread * (h - 0.5) * 2 + 0.3 * n + 0.2 * (at(mid, x, y) - 0.5)));
    t.height = 0.03 * Math.min(1, (edge - joint) * 3) + 0.01 * n;
  });
}

/** Painted render with clouds, rain streaks, hairline cracks and patches where it has fallen off. */
export function plaster(rng: Rng, colour: Rgb): Texture {
  const { soft, fine, ridge, mid, streak } = noiseLibrary();
  const crack = rng.range(0.9, 0.99);
  const peel = rng.chance(0.12) ? rng.range(0.75, 0.88) : 2;
  const under: Rgb = rng.chance(0.5) ? [0.6, 0.45, 0.38] : [0.68, 0.65, 0.6];
  const cloud = rng.range(0.05, 0.25);
  const sx = rng.int(0, 255);
  const sy = rng.int(0, 255);
  return bake(
    { metres: peel < 1 ? rng.range(6, 9) : rng.range(3, 5), gloss: 0.02, kind: "surface", ageing: 1 },
    (x, y, t) => {
      const n = at(fine, x, y) - 0.5;
      const patch = at(soft, x + sx, y + sy);
      const gain = 1 + cloud * (patch - 0.5) * 2 + 0.08 * n + 0.12 * (at(streak, x + sy, y) - 0.5);
      if (patch + 0.12 * (at(mid, x, y) - 0.5) > peel) {
        put(t, under, 0.9 + 0.4 * n);
        t.height = -0.015;
      } else if (at(ridge, x + sy, y + sx) > crack) put(t, colour, gain * 0.7);
      else {
        put(t, colour, gain);
        t.height = 0.002 * n + 0.004 * at(mid, x, y);
      }
    },
  );
}

/** Cast concrete: panels or board marks, tie holes, water stains. */
export function concrete(rng: Rng, colour: Rgb): Texture {
  const { soft, fine, mid, streak } = noiseLibrary();
  const boards = rng.chance(0.5) ? rng.pick([8, 12, 16]) : 0;
  const seed = rng.int(0, 1 << 20);
  return bake({ metres: 3, gloss: 0.03, kind: "surface", ageing: 1 }, (x, y, t) => {
    const n = at(fine, x, y) - 0.5;
    let gain = 0.82 + 0.25 * at(soft, x, y) + 0.15 * at(streak, x, y) + 0.1 * n;
    t.height = 0.003 * at(mid, x, y);
    if (boards) {
      const v = (y * boards) / TILE;
      const board = Math.floor(v);
      gain *= 0.93 + 0.12 * hash01(board, 0, seed);
      t.height += 0.01 * hash01(board, 1, seed) + (v - board < 0.08 ? -0.01 : 0);
    } else {
      const px = x & 127;
      const py = y & 127;
      if (px < 2 || py < 2) gain *= 0.6;
      const hx = (px & 63) - 32;
      const hy = (py & 63) - 32;
      if (hx * hx + hy * hy < 8) gain *= 0.45;
    }
    put(t, colour, gain);
  });
}

/** Planks along v (vertical) with grain; painted or bare. Also doors and shutters. */
export function planks(rng: Rng, colour: Rgb, metres = 1.6): Texture {
  const { fine, soft, streak } = noiseLibrary();
  const count = rng.pick([8, 10, 12, 16]);
  const seed = rng.int(0, 1 << 20);
  const lying = rng.chance(0.4);
  return bake({ metres, gloss: 0.06, kind: "surface", ageing: 0.5 }, (x, y, t) => {
    const across = lying ? y : x;
    const along = lying ? x : y;
    const u = (across * count) / TILE;
    const plank = Math.floor(u);
    const grain = at(streak, across * 2 + plank * 37, along) - 0.5;
    const gap = u - plank < 0.1;
    put(
      t,
      colour,
      (gap ? 0.4 : 1) *
        (0.85 + 0.25 * hash01(plank, 0, seed) + 0.35 * grain + 0.12 * (at(fine, x, y) - 0.5)) *
        (0.85 + 0.25 * at(soft, x, y)),
    );
    t.height = gap ? -0.012 : 0.003 * grain;
  });
}

/** Polished stone with veins. */
export function marble(rng: Rng, colour: Rgb): Texture {
  const { ridge, soft, fine } = noiseLibrary();
  const vein = vary(rng, [0.45, 0.43, 0.42], 0.25);
  const sharp = rng.range(4, 10);
  const s = rng.int(0, 255);
  return bake({ metres: rng.range(2, 4), gloss: 0.12, kind: "surface", ageing: 0.5 }, (x, y, t) => {
    const k = at(ridge, x + s, (y + at(soft, x, y) * 20) | 0) ** sharp;
    const gain = 0.92 + 0.14 * at(soft, x, y + s) + 0.06 * (at(fine, x, y) - 0.5);
    t.r = (colour[0] * (1 - k) + vein[0] * k) * gain;
    t.g = (colour[1] * (1 - k) + vein[1] * k) * gain;
    t.b = (colour[2] * (1 - k) + vein[2] * k) * gain;
  });
}
