/** @file Textures that make a landmark itself: carved relief, mosaic, murals, signs, clocks, windows' glass. */
import { METALS, mix, STONES, vary } from "./colours.js";
import { put } from "./masonry.js";
import { at, noiseLibrary, smoothAt, TILE } from "./noise.js";
import { hash01, type Rng } from "./random.js";
import { bake, type Rgb, type Texture } from "./texture.js";

/** Carved panel: noise folded into a mirror symmetry (as foliage and arms are), with deep relief. One tile is one panel. */
export function relief(rng: Rng, colour: Rgb, metres: number): Texture {
  const { mid, soft, fine } = noiseLibrary();
  const sx = rng.int(0, 255);
  const sy = rng.int(0, 255);
  const zoom = rng.range(0.5, 1.2);
  const swirl = rng.range(1, 4);
  const folds = rng.pick([1, 1, 2, 4]);
  return bake({ metres, gloss: 0.03, kind: "surface", ageing: 0.8 }, (x, y, t) => {
    const u = Math.abs((((x * folds) / TILE) % 1) - 0.5) * 2;
    const v = (y / TILE) * 2 - 1;
    const r = Math.hypot(u, v);
    const a = Math.atan2(v, u) + swirl * r;
    const px = sx + Math.cos(a) * r * 90 * zoom;
    const py = sy + Math.sin(a) * r * 90 * zoom;
    const carve = smoothAt(mid, px, py);
    const h = Math.max(0, Math.min(1, (carve - 0.4) * 5));
    const frame = x < 10 || y < 10 || x > TILE - 11 || y > TILE - 11;
    const height = frame ? 1 : h;
    put(t, colour, (frame ? 1 : 0.62 + 0.4 * h) * (0.85 + 0.2 * at(soft, x, y)) + 0.1 * (at(fine, x, y) - 0.5));
    t.height = 0.03 * metres * height * 0.6;
  });
}

/** Geometric inlay: a random motif of a few colours repeated with mirror symmetry. */
export function mosaic(rng: Rng, metres = rng.range(0.8, 2)): Texture {
  const { fine, soft } = noiseLibrary();
  const motif = rng.pick([8, 12, 16]);
  const colours: Rgb[] = Array.from({ length: rng.int(2, 4) }, () => vary(rng, rng.pick([...STONES, ...METALS]), 0.2));
  const seed = rng.int(0, 1 << 20);
  const diagonal = rng.chance(0.5);
  const cell = TILE / motif;
  return bake({ metres, gloss: 0.1, kind: "surface", ageing: 0.3 }, (x, y, t) => {
    let i = Math.floor(x / cell);
    let j = Math.floor(y / cell);
    const fx = x / cell - i;
    const fy = y / cell - j;
    i = Math.min(i, motif - 1 - i);
    j = Math.min(j, motif - 1 - j);
    if (diagonal && j > i) [i, j] = [j, i];
    const half = hash01(i, j, seed + 1) < 0.4 && fx + fy > 1 ? 7 : 0;
    const colour = colours[Math.floor(hash01(i, j, seed + half) * colours.length)];
    const joint = fx < 0.06 || fy < 0.06 ? 0.75 : 1;
    put(t, colour, joint * (0.85 + 0.2 * at(soft, x, y)) + 0.08 * (at(fine, x, y) - 0.5));
  });
}

/** A painted wall: large colour fields with contours, unlike any other landmark's. */
export function mural(rng: Rng, metres: number): Texture {
  const { soft, mid, fine } = noiseLibrary();
  const colours: Rgb[] = Array.from({ length: 6 }, () => [
    rng.range(0.15, 0.95),
    rng.range(0.15, 0.9),
    rng.range(0.1, 0.9),
  ]);
  const sx = rng.int(0, 255);
  const sy = rng.int(0, 255);
  const discs = Array.from({ length: rng.int(2, 6) }, () => [
    rng.next(),
    rng.next(),
    rng.range(0.05, 0.25),
    rng.int(0, 5),
  ]);
  return bake({ metres, gloss: 0.04, kind: "surface", ageing: 0.5 }, (x, y, t) => {
    const v = smoothAt(soft, sx + x * 0.7, sy + y * 0.7) * 9;
    let index = Math.floor(v) % 6;
    let line = v - Math.floor(v) < 0.08;
    for (const [cx, cy, r, k] of discs) {
      const d = Math.hypot(x / TILE - cx, y / TILE - cy);
      if (d < r) {
        index = k;
        line = d > r - 0.012;
      }
    }
    put(t, line ? [0.1, 0.1, 0.1] : colours[index], 0.85 + 0.15 * at(mid, x, y) + 0.1 * (at(fine, x, y) - 0.5));
  });
}

/** A board of letter-like strokes. The lower 3/4 of the tile is wasted on purpose: a sign maps v to [0, 1/4]. */
export function sign(rng: Rng): Texture {
  const back: Rgb = rng.chance(0.5)
    ? vary(
        rng,
        rng.pick<Rgb>([
          [0.2, 0.28, 0.2],
          [0.4, 0.15, 0.13],
          [0.16, 0.2, 0.32],
          [0.3, 0.24, 0.18],
          [0.68, 0.66, 0.6],
        ]),
        0.2,
      )
    : [0.92, 0.9, 0.84];
  const ink: Rgb = back[0] + back[1] + back[2] > 1.5 ? [0.1, 0.1, 0.15] : [0.95, 0.9, 0.75];
  const seed = rng.int(0, 1 << 20);
  const letters = rng.int(6, 12);
  return bake({ metres: 1, gloss: 0.08, kind: "surface", ageing: 0.2 }, (x, y, t) => {
    const u = (x * letters) / TILE;
    const letter = Math.floor(u);
    const fx = (u - letter) * 5;
    const fy = ((y & 63) / 64) * 8 - 1.5;
    const column = Math.floor(fx);
    const row = Math.floor(fy);
    let on = false;
    if (column >= 0 && column < 4 && row >= 0 && row < 5 && hash01(letter, 0, seed) > 0.12)
      on =
        column === 0
          ? hash01(letter, 1, seed) > 0.25
          : hash01(letter * 8 + row, column, seed) > 0.52 || (row === 2 && column < 3 && hash01(letter, 2, seed) > 0.5);
    const border = (y & 63) < 3 || (y & 63) > 60;
    put(t, on || border ? ink : back, 1);
  });
}

/** Clock face filling one tile. The hands are part of the face: a stopped clock. */
export function clock(rng: Rng): Texture {
  const face: Rgb = rng.chance(0.6) ? [0.93, 0.91, 0.84] : [0.12, 0.13, 0.2];
  const ink: Rgb = face[0] > 0.5 ? [0.1, 0.1, 0.12] : [0.85, 0.7, 0.35];
  const hour = rng.range(0, Math.PI * 2);
  const minute = rng.range(0, Math.PI * 2);
  return bake({ metres: 1, gloss: 0.1, kind: "surface", ageing: 0.2 }, (x, y, t) => {
    const u = (x / TILE) * 2 - 1;
    const v = (y / TILE) * 2 - 1;
    const r = Math.hypot(u, v);
    const a = Math.atan2(u, v);
    const hand = (angle: number, length: number, width: number) => {
      const along = u * Math.sin(angle) + v * Math.cos(angle);
      return along > -0.12 && along < length && Math.abs(u * Math.cos(angle) - v * Math.sin(angle)) < width;
    };
    const tick = r > 0.68 && r < 0.86 && Math.abs(((a / (Math.PI / 6) + 12.5) % 1) - 0.5) < 0.13;
    const ring = r > 0.9 || (r > 0.6 && r < 0.63);
    put(t, tick || ring || hand(hour, 0.42, 0.045) || hand(minute, 0.66, 0.03) ? ink : face, 1);
  });
}

/** Clear glass over a dim room with curtains; the sky is mirrored while shading. */
export function glass(rng: Rng): Texture {
  const { streak, soft } = noiseLibrary();
  const s = rng.int(0, 255);
  return bake({ metres: 2.3, gloss: 0.75, kind: "glass", ageing: 0 }, (x, y, t) => {
    const curtain = at(streak, x * 2, s) > 0.55 ? 0.5 : 0;
    put(t, mix([0.12, 0.13, 0.15], [0.6, 0.57, 0.5], curtain * at(soft, x, y + s)), 0.6 + 0.5 * at(soft, x + s, y));
    t.height = 0.004 * at(soft, x, y);
  });
}

/** Leaded coloured glass: from outside dark, at night the colours of the lit church. */
export function stained(rng: Rng): Texture {
  const { cells, soft } = noiseLibrary();
  const map = cells[rng.int(1, 3)];
  const hues: Rgb[] = [
    [0.2, 0.22, 0.4],
    [0.4, 0.16, 0.14],
    [0.38, 0.34, 0.16],
    [0.16, 0.3, 0.22],
    [0.3, 0.3, 0.34],
  ];
  const s = rng.int(0, 255);
  return bake({ metres: 1.8, gloss: 0.4, kind: "glass", ageing: 0 }, (x, y, t) => {
    const lead = at(map.border, x, y) < 0.1;
    put(t, lead ? [0.08, 0.08, 0.08] : hues[Math.floor(at(map.value, x, y) * 4.99)], 0.7 + 0.5 * at(soft, x + s, y));
    t.height = lead ? 0.01 : 0;
  });
}
