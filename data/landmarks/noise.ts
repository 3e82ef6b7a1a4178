/** @file Tileable noise maps, computed once a process. Textures and skies are mixed from shifted copies of them. */
import { hash01 } from "./random.js";

/** Side of every noise map and of every texture, a power of two. */
export const TILE = 256;
const MASK = TILE - 1;

/** A tileable map of TILE × TILE values. */
export type NoiseMap = Float32Array;

/** Value at wrapped integer coordinates. */
export function at(map: NoiseMap, x: number, y: number): number {
  return map[((y & MASK) << 8) | (x & MASK)];
}

/** Bilinear value at wrapped real coordinates. */
export function smoothAt(map: NoiseMap, x: number, y: number): number {
  const xi = Math.floor(x);
  const yi = Math.floor(y);
  const fx = x - xi;
  const fy = y - yi;
  const top = at(map, xi, yi) * (1 - fx) + at(map, xi + 1, yi) * fx;
  return top + (at(map, xi, yi + 1) * (1 - fx) + at(map, xi + 1, yi + 1) * fx - top) * fy;
}

/** Sum of octaves of value noise; fx and fy are the lattice cells of the first octave. Stretched to fill [0, 1]. */
function fbm(fx: number, fy: number, octaves: number, gain: number, seed: number, ridged = false): NoiseMap {
  const map = new Float32Array(TILE * TILE);
  let amplitude = 1;
  for (let o = 0; o < octaves; o++, amplitude *= gain) {
    const nx = Math.min(fx << o, TILE);
    const ny = Math.min(fy << o, TILE);
    for (let y = 0; y < TILE; y++) {
      const v = (y * ny) / TILE;
      const y0 = Math.floor(v);
      const y1 = (y0 + 1) % ny;
      const ty = (v - y0) ** 2 * (3 - 2 * (v - y0));
      for (let x = 0; x < TILE; x++) {
        const u = (x * nx) / TILE;
        const x0 = Math.floor(u);
        const x1 = (x0 + 1) % nx;
        const tx = (u - x0) ** 2 * (3 - 2 * (u - x0));
        const s = seed + o * 31;
        const a = hash01(x0, y0, s) * (1 - tx) + hash01(x1, y0, s) * tx;
        const b = hash01(x0, y1, s) * (1 - tx) + hash01(x1, y1, s) * tx;
        const n = a + (b - a) * ty;
        map[y * TILE + x] += amplitude * (ridged ? 1 - Math.abs(2 * n - 1) : n);
      }
    }
  }
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const v of map) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  for (let i = 0; i < map.length; i++) map[i] = (map[i] - low) / (high - low);
  return map;
}

/** Cellular noise: distance to the cell border (in cells) and a random value a cell. */
export interface CellMap {
  readonly border: NoiseMap;
  readonly value: NoiseMap;
}

function cellular(cells: number, seed: number): CellMap {
  const border = new Float32Array(TILE * TILE);
  const value = new Float32Array(TILE * TILE);
  for (let y = 0; y < TILE; y++)
    for (let x = 0; x < TILE; x++) {
      const u = ((x + 0.5) * cells) / TILE;
      const v = ((y + 0.5) * cells) / TILE;
      const cx = Math.floor(u);
      const cy = Math.floor(v);
      let first = 9;
      let second = 9;
      let id = 0;
      for (let j = -1; j <= 1; j++)
        for (let i = -1; i <= 1; i++) {
          const gx = (cx + i + cells) % cells;
          const gy = (cy + j + cells) % cells;
          const dx = cx + i + 0.1 + 0.8 * hash01(gx, gy, seed) - u;
          const dy = cy + j + 0.1 + 0.8 * hash01(gx, gy, seed + 1) - v;
          const d = dx * dx + dy * dy;
          if (d < first) {
            second = first;
            first = d;
            id = hash01(gx, gy, seed + 2);
          } else if (d < second) second = d;
        }
      border[y * TILE + x] = Math.sqrt(second) - Math.sqrt(first);
      value[y * TILE + x] = id;
    }
  return { border, value };
}

/** The shared maps: broad and fine clouds, grain, ridges (cracks, veins), vertical streaks (rain), cells (rubble). */
export interface NoiseLibrary {
  readonly soft: NoiseMap;
  readonly mid: NoiseMap;
  readonly fine: NoiseMap;
  readonly ridge: NoiseMap;
  readonly streak: NoiseMap;
  readonly cells: readonly CellMap[];
}

let library: NoiseLibrary | undefined;

/** The library of this process. Its seeds are fixed: variety comes from how a texture shifts and mixes the maps. */
export function noiseLibrary(): NoiseLibrary {
  library ??= {
    soft: fbm(3, 3, 6, 0.55, 11),
    mid: fbm(10, 10, 4, 0.6, 23),
    fine: fbm(48, 48, 2, 0.7, 37),
    ridge: fbm(5, 5, 5, 0.55, 53, true),
    streak: fbm(40, 2, 3, 0.55, 71),
    cells: [cellular(6, 5), cellular(10, 6), cellular(15, 7), cellular(24, 8)],
  };
  return library;
}
