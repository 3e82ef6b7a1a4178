/** @file Baked surface textures: colour and slope with their mip levels, sampled trilinearly while shading. */
import { TILE } from "./noise.js";

/** Gamma-2 colour: the stored value's square is linear light, which is close to sRGB and costs one product. */
export type Rgb = readonly [number, number, number];

/** What one texel is made of; `height` in metres. */
export interface Texel {
  r: number;
  g: number;
  b: number;
  height: number;
}

/** How the surface reflects beyond its texture. */
export interface Finish {
  /** Side of one tile on the surface, in metres. */
  readonly metres: number;
  /** Mirror share at grazing view, 0 (plaster) to 1 (glass). */
  readonly gloss: number;
  /** `surface` is lit; `glass` mirrors the sky and may be lit from inside at night; `leaf` lets light through. */
  readonly kind: "surface" | "glass" | "leaf";
  /** How much rain and soot ageing shows, 0 to 1. */
  readonly ageing: number;
}

/** Five bytes a texel: r, g, b, slope along u, slope along v (128 is flat, 64 is one unit of slope). */
export interface Texture extends Finish {
  readonly levels: readonly Uint8Array[];
}

/** Bytes a texel. */
export const STRIDE = 5;

/**
 * A TILE × TILE texture: `paint` fills the texel at integer coordinates (x right, y up the wall). It is painted when
 * first sampled: most landmarks show only half of their style's materials.
 */
export function bake(finish: Finish, paint: (x: number, y: number, texel: Texel) => void): Texture {
  let levels: Uint8Array[] | undefined;
  return {
    ...finish,
    get levels() {
      levels ??= paintLevels(finish, paint);
      return levels;
    },
  };
}

function paintLevels(finish: Finish, paint: (x: number, y: number, texel: Texel) => void): Uint8Array[] {
  const height = new Float32Array(TILE * TILE);
  const base = new Uint8Array(TILE * TILE * STRIDE);
  const texel: Texel = { r: 0, g: 0, b: 0, height: 0 };
  for (let y = 0; y < TILE; y++)
    for (let x = 0; x < TILE; x++) {
      texel.height = 0;
      paint(x, y, texel);
      const i = y * TILE + x;
      height[i] = texel.height;
      base[i * STRIDE] = byte(texel.r * 255);
      base[i * STRIDE + 1] = byte(texel.g * 255);
      base[i * STRIDE + 2] = byte(texel.b * 255);
    }
  const step = (2 * finish.metres) / TILE;
  const mask = TILE - 1;
  for (let y = 0; y < TILE; y++)
    for (let x = 0; x < TILE; x++) {
      const right = height[y * TILE + ((x + 1) & mask)];
      const left = height[y * TILE + ((x - 1) & mask)];
      const up = height[((y + 1) & mask) * TILE + x];
      const down = height[((y - 1) & mask) * TILE + x];
      const i = (y * TILE + x) * STRIDE;
      base[i + 3] = byte(128 + (64 * (right - left)) / step);
      base[i + 4] = byte(128 + (64 * (up - down)) / step);
    }
  const levels: Uint8Array[] = [base];
  for (let size = TILE; size > 1; size >>= 1) levels.push(halve(levels[levels.length - 1], size));
  return levels;
}

function byte(v: number): number {
  return v < 0 ? 0 : v > 255 ? 255 : Math.round(v);
}

function halve(source: Uint8Array, size: number): Uint8Array {
  const half = size >> 1;
  const out = new Uint8Array(half * half * STRIDE);
  for (let y = 0; y < half; y++)
    for (let x = 0; x < half; x++)
      for (let c = 0; c < STRIDE; c++) {
        const i = (2 * y * size + 2 * x) * STRIDE + c;
        const j = i + size * STRIDE;
        out[(y * half + x) * STRIDE + c] = (source[i] + source[i + STRIDE] + source[j] + source[j + STRIDE] + 2) >> 2;
      }
  return out;
}

/**
 * Trilinear sample. u, v in tiles (wrapped), `lod` in mip levels (clamped). Writes r, g, b in 0…1 and the two slopes.
 */
export function sampleTexture(texture: Texture, u: number, v: number, lod: number, out: Float64Array): void {
  const levels = texture.levels;
  const last = levels.length - 1;
  const l = lod < 0 ? 0 : Math.min(lod, last);
  const l0 = Math.floor(l);
  const t = l - l0;
  out[0] = out[1] = out[2] = out[3] = out[4] = 0;
  gather(levels[l0], TILE >> l0, u, v, 1 - t, out);
  if (t > 0.02) gather(levels[l0 + 1], TILE >> (l0 + 1), u, v, t, out);
  else for (let c = 0; c < STRIDE; c++) out[c] /= 1 - t;
  out[0] *= 1 / 255;
  out[1] *= 1 / 255;
  out[2] *= 1 / 255;
  out[3] = (out[3] - 128) * (1 / 64);
  out[4] = (out[4] - 128) * (1 / 64);
}

function gather(data: Uint8Array, size: number, u: number, v: number, weight: number, out: Float64Array): void {
  const mask = size - 1;
  const x = u * size - 0.5;
  const y = v * size - 0.5;
  const xf = Math.floor(x);
  const yf = Math.floor(y);
  const fx = x - xf;
  const fy = y - yf;
  const x0 = xf & mask;
  const x1 = (xf + 1) & mask;
  const y0 = (yf & mask) * size;
  const y1 = ((yf + 1) & mask) * size;
  const a = (y0 + x0) * STRIDE;
  const b = (y0 + x1) * STRIDE;
  const c = (y1 + x0) * STRIDE;
  const d = (y1 + x1) * STRIDE;
  const wa = (1 - fx) * (1 - fy) * weight;
  const wb = fx * (1 - fy) * weight;
  const wc = (1 - fx) * fy * weight;
  const wd = fx * fy * weight;
  for (let k = 0; k < STRIDE; k++) out[k] += data[a + k] * wa + data[b + k] * wb + data[c + k] * wc + data[d + k] * wd;
}
