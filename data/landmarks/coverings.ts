/** @file Textures of roofs, metal, ground and plants. */
import { mix, vary } from "./colours.js";
import { put } from "./masonry.js";
import { at, noiseLibrary, TILE } from "./noise.js";
import { hash01, type Rng } from "./random.js";
import { bake, type Rgb, type Texture } from "./texture.js";

/** Overlapping roof tiles: rounded, square slates, or pantiles with round profiles. */
export function tiles(rng: Rng, colour: Rgb): Texture {
  const { soft, fine } = noiseLibrary();
  const form = rng.pick(["scale", "slate", "pan"] as const);
  const rows = rng.pick([8, 10, 12]);
  const columns = form === "pan" ? rng.pick([8, 10]) : rng.pick([8, 12, 14]);
  const spread = rng.range(0.1, 0.35);
  const moss = rng.range(0, 0.5);
  const seed = rng.int(0, 1 << 20);
  const s = rng.int(0, 255);
  return bake({ metres: rows * rng.range(0.2, 0.3), gloss: 0.05, kind: "surface", ageing: 0.4 }, (x, y, t) => {
    const v = (y * rows) / TILE;
    let row = Math.floor(v);
    let u = (x * columns) / TILE + (form === "pan" ? 0 : (row & 1) * 0.5);
    let fv = v - row;
    let fu = u - Math.floor(u);
    if (form === "scale" && fv < 0.5 * (1 - Math.sqrt(Math.max(0, 1 - (2 * fu - 1) ** 2)))) {
      row--;
      fv += 1;
      u += 0.5;
      fu = u - Math.floor(u);
    }
    const column = ((Math.floor(u) % columns) + columns) % columns;
    const n = at(fine, x, y) - 0.5;
    const green = Math.max(0, at(soft, x + s, y) - (1 - moss)) * 2;
    const c = mix(colour, [0.36, 0.4, 0.26], Math.min(0.6, green));
    const round = form === "pan" ? Math.sin(fu * Math.PI) : 1;
    const shade = (form === "pan" ? 0.6 + 0.4 * round : fu < 0.05 ? 0.7 : 1) * (fv < 0.14 ? 0.5 : 1);
    put(t, c, shade * (1 + spread * 2 * (hash01(column, row, seed) - 0.5) + 0.2 * n) * (0.85 + 0.25 * at(soft, x, y)));
    t.height = (1 - fv) * 0.02 + 0.05 * (round - 1) * (form === "pan" ? 1 : 0) + 0.003 * n;
  });
}

/** Sheet metal with standing seams; copper turns green in streaks. */
export function sheet(rng: Rng, colour: Rgb): Texture {
  const { soft, streak, fine } = noiseLibrary();
  const seams = rng.pick([4, 5, 6, 8]);
  const other = vary(rng, colour, 0.2);
  return bake({ metres: seams * 0.5, gloss: 0.15, kind: "surface", ageing: 0.5 }, (x, y, t) => {
    const u = (x * seams) / TILE;
    const seam = u - Math.floor(u) < 0.07;
    const c = mix(colour, other, at(streak, x, y));
    put(t, c, (seam ? 1.2 : 1) * (0.8 + 0.3 * at(soft, x, y) + 0.1 * (at(fine, x, y) - 0.5)));
    t.height = seam ? 0.03 : 0;
  });
}

/** Plain metal, dark paint, bronze: frames, rails, statues. */
export function metal(rng: Rng, colour: Rgb, patina = 0): Texture {
  const { soft, fine, streak } = noiseLibrary();
  const green: Rgb = [0.42, 0.58, 0.5];
  const s = rng.int(0, 255);
  return bake({ metres: 1.5, gloss: 0.3, kind: "surface", ageing: 0.3 }, (x, y, t) => {
    const wet = at(soft, x + s, y) * 0.6 + at(streak, x, y + s) * 0.4;
    put(
      t,
      mix(colour, green, Math.min(1, Math.max(0, wet - 1 + patina) * 2)),
      0.85 + 0.3 * at(soft, x, y) + 0.15 * (at(fine, x, y) - 0.5),
    );
    t.height = 0.002 * at(fine, x, y);
  });
}

/** What the ground is covered with. */
export type GroundKind = "cobble" | "slabs" | "asphalt" | "grass" | "gravel" | "setts";

/** Ground cover. */
export function ground(rng: Rng, kind: GroundKind): Texture {
  const { soft, fine, mid, cells, ridge } = noiseLibrary();
  const s = rng.int(0, 255);
  if (kind === "cobble") {
    const map = cells[2];
    const c = vary(rng, [0.5, 0.48, 0.45], 0.15);
    return bake({ metres: 2.2, gloss: 0.06, kind: "surface", ageing: 0 }, (x, y, t) => {
      const e = at(map.border, x, y);
      put(
        t,
        c,
        (e < 0.12 ? 0.5 : 0.8 + 0.35 * at(map.value, x, y)) * (0.8 + 0.3 * at(soft, x + s, y)) +
          0.15 * (at(fine, x, y) - 0.5),
      );
      t.height = 0.03 * Math.min(1, e * 3);
    });
  }
  if (kind === "slabs" || kind === "setts") {
    const rows = kind === "slabs" ? rng.pick([2, 4]) : 16;
    const columns = kind === "slabs" ? rng.pick([2, 3, 4]) : 12;
    const c = vary(
      rng,
      rng.pick<Rgb>([
        [0.66, 0.63, 0.58],
        [0.55, 0.54, 0.54],
        [0.68, 0.6, 0.5],
      ]),
      0.1,
    );
    const spread = rng.range(0.05, 0.2);
    const seed = rng.int(0, 9999);
    const edge = kind === "slabs" ? 3 : 2;
    return bake({ metres: kind === "slabs" ? 2.4 : 1.8, gloss: 0.05, kind: "surface", ageing: 0 }, (x, y, t) => {
      const row = Math.floor((y * rows) / TILE);
      const u = ((x * columns) / TILE + (row & 1) * 0.5) % columns;
      const column = Math.floor(u);
      const joint = (u - column) * (TILE / columns) < edge || y % (TILE / rows) < edge;
      const gain =
        (joint ? 0.6 : 1 + spread * 2 * (hash01(column, row, seed) - 0.5)) * (0.8 + 0.3 * at(soft, x + s, y));
      put(t, c, gain + 0.12 * (at(fine, x, y) - 0.5));
      t.height = joint ? -0.01 : 0.003 * at(mid, x, y);
    });
  }
  if (kind === "grass") {
    const c = vary(rng, [0.36, 0.44, 0.2], 0.12);
    const dry = vary(rng, [0.55, 0.5, 0.3], 0.1);
    return bake({ metres: 3, gloss: 0, kind: "surface", ageing: 0 }, (x, y, t) => {
      const n = at(fine, x, y);
      const k = mix(c, dry, Math.max(0, at(soft, x + s, y) - 0.45));
      put(t, k, 0.6 + 0.55 * n + 0.2 * at(mid, x, y + s));
      t.height = 0.04 * n;
    });
  }
  const c: Rgb = kind === "asphalt" ? vary(rng, [0.36, 0.36, 0.37], 0.12) : vary(rng, [0.66, 0.61, 0.52], 0.1);
  const grain = kind === "asphalt" ? 0.25 : 0.4;
  return bake({ metres: 2.5, gloss: 0.06, kind: "surface", ageing: 0 }, (x, y, t) => {
    const crack = kind === "asphalt" && at(ridge, x + s, y) > 0.95 ? 0.65 : 1;
    put(t, c, crack * (0.82 + 0.25 * at(soft, x + s, y) + grain * (at(fine, x, y) - 0.5)));
    t.height = 0.006 * at(fine, x, y);
  });
}

/** Leaves seen from near; tint decides species and season. */
export function foliage(rng: Rng): Texture {
  const { cells, fine } = noiseLibrary();
  const map = cells[3];
  const s = rng.int(0, 255);
  return bake({ metres: 1.2, gloss: 0.03, kind: "leaf", ageing: 0 }, (x, y, t) => {
    const v = at(map.value, x, y + s);
    put(t, [0.8, 0.86, 0.62], (0.55 + 0.6 * v) * (0.8 + 0.4 * at(fine, x, y)), 0.1 * (v - 0.5));
    t.height = 0.02 * at(map.border, x, y + s);
  });
}

/** Tree trunk. */
export function bark(rng: Rng): Texture {
  const { streak, fine } = noiseLibrary();
  const c = vary(rng, [0.36, 0.3, 0.24], 0.15);
  return bake({ metres: 0.8, gloss: 0, kind: "surface", ageing: 0 }, (x, y, t) => {
    put(t, c, 0.55 + 0.7 * at(streak, x * 2, y) + 0.2 * (at(fine, x, y) - 0.5));
    t.height = 0.02 * at(streak, x * 2, y);
  });
}

/** Cloth, paint, skin: anything whose colour is the tint. */
export function plain(gloss = 0.05): Texture {
  const { soft, fine } = noiseLibrary();
  return bake({ metres: 1.5, gloss, kind: "surface", ageing: 0 }, (x, y, t) => {
    put(t, [1, 1, 1], 0.82 + 0.15 * at(soft, x, y) + 0.08 * (at(fine, x, y) - 0.5));
  });
}
