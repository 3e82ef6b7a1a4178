/** @file From linear light to a photo: lens, exposure, colour balance, tone curve, noise. */
import type { RgbImage } from "../../base/image.js";
import { hash01, type Rng } from "./random.js";

/** One camera body and how it was set. */
export interface Film {
  /** Mean brightness aimed at, after the tone curve. */
  readonly exposure: number;
  readonly balance: readonly [number, number, number];
  readonly contrast: number;
  readonly saturation: number;
  readonly noise: number;
  /** Standard deviation of the blur in pixels of a 320-pixel image. */
  readonly blur: number;
  readonly vignette: number;
  /** Radial distortion at the corner, as a share of the radius. */
  readonly distortion: number;
  readonly quality: number;
  readonly seed: number;
}

/** Draws a camera body. `quality` bounds the JPEG quality from above. */
export function drawFilm(rng: Rng, quality: number, dark: boolean): Film {
  const warm = 0.06 * rng.gauss();
  return {
    exposure: (dark ? 0.2 : 0.42) * (1 + 0.14 * rng.gauss()),
    balance: [1 + warm, 1 + 0.02 * rng.gauss(), 1 - warm],
    contrast: rng.range(0.9, 1.35),
    saturation: rng.chance(0.03) ? 0 : rng.range(0.75, 1.3),
    noise: rng.chance(0.25) ? rng.range(0.01, 0.04) : rng.range(0.002, 0.01),
    blur: rng.chance(0.15) ? rng.range(0.5, 1) : rng.range(0, 0.45),
    vignette: rng.range(0, 0.35),
    distortion: rng.range(-0.025, 0.025),
    quality: Math.round(quality - rng.range(0, 25)),
    seed: rng.int(0, 1 << 28),
  };
}

/** Develops linear RGB (three floats a pixel) into 8-bit RGB. */
export function develop(linear: Float32Array, width: number, height: number, film: Film): RgbImage {
  const bent = film.distortion ? distort(linear, width, height, film.distortion) : linear;
  const sigma = (film.blur * Math.max(width, height)) / 320;
  const soft = sigma > 0.15 ? blur(bent, width, height, sigma) : bent;
  // Exposure: the log-mean luminance goes to the target, as metering does; night scenes keep their darkness.
  let sum = 0;
  let count = 0;
  for (let i = 0; i < soft.length; i += 33) {
    sum += Math.log(0.01 + 0.3 * soft[i - (i % 3)] + 0.6 * soft[i - (i % 3) + 1] + 0.1 * soft[i - (i % 3) + 2]);
    count++;
  }
  const gain = Math.min(12, Math.max(0.2, (film.exposure ** 2 * 1.3) / Math.exp(sum / count)));
  const data = new Uint8Array(width * height * 3);
  const half = Math.hypot(width, height) / 2;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = (y * width + x) * 3;
      const d = Math.hypot(x - width / 2, y - height / 2) / half;
      const g = gain * (1 - film.vignette * d * d);
      const r = soft[i] * g * film.balance[0];
      const gr = soft[i + 1] * g * film.balance[1];
      const b = soft[i + 2] * g * film.balance[2];
      const grey = 0.3 * r + 0.6 * gr + 0.1 * b;
      for (let c = 0; c < 3; c++) {
        const v = grey + (([r, gr, b] as const)[c] - grey) * film.saturation;
        let s = tone(Math.max(v, 0), film.contrast);
        s += film.noise * (hash01(x, y, film.seed + c) + hash01(x, y, film.seed + c + 7) - 1) * 2 * (1.2 - s);
        data[i + c] = s <= 0 ? 0 : s >= 1 ? 255 : Math.round(s * 255);
      }
    }
  return { width, height, data };
}

/** Linear → display: a filmic shoulder, then gamma 2.2 with contrast around middle grey. */
function tone(v: number, contrast: number): number {
  const shoulder = (v * (1 + v / 9)) / (1 + v * 0.62);
  return 0.45 * (Math.min(shoulder, 1.6) ** (1 / 2.2) / 0.45) ** contrast;
}

function distort(source: Float32Array, width: number, height: number, amount: number): Float32Array {
  const out = new Float32Array(source.length);
  const cx = width / 2;
  const cy = height / 2;
  const norm = 1 / (cx * cx + cy * cy);
  // Zoom so that barrel distortion never looks past the border.
  const zoom = amount > 0 ? 1 / (1 + amount) : 1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const dx = x + 0.5 - cx;
      const dy = y + 0.5 - cy;
      const k = zoom * (1 + amount * (dx * dx + dy * dy) * norm);
      const sx = Math.min(width - 1.001, Math.max(0, cx + dx * k - 0.5));
      const sy = Math.min(height - 1.001, Math.max(0, cy + dy * k - 0.5));
      const xi = sx | 0;
      const yi = sy | 0;
      const fx = sx - xi;
      const fy = sy - yi;
      const a = (yi * width + xi) * 3;
      const b = a + width * 3;
      const o = (y * width + x) * 3;
      for (let c = 0; c < 3; c++)
        out[o + c] =
          (source[a + c] * (1 - fx) + source[a + 3 + c] * fx) * (1 - fy) +
          (source[b + c] * (1 - fx) + source[b + 3 + c] * fx) * fy;
    }
  return out;
}

function blur(source: Float32Array, width: number, height: number, sigma: number): Float32Array {
  const reach = Math.max(1, Math.ceil(sigma * 2.5));
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
  const total = kernel.reduce((a, b) => a + b);
  const pass = (from: Float32Array, step: number, along: (i: number) => number, length: number) => {
    const out = new Float32Array(from.length);
    for (let i = 0; i < width * height; i++) {
      const at = along(i);
      for (let k = -reach; k <= reach; k++) {
        const shift = Math.min(length - 1, Math.max(0, at + k)) - at;
        const w = kernel[k + reach] / total;
        const j = (i + shift * step) * 3;
        out[i * 3] += w * from[j];
        out[i * 3 + 1] += w * from[j + 1];
        out[i * 3 + 2] += w * from[j + 2];
      }
    }
    return out;
  };
  return pass(
    pass(source, 1, (i) => i % width, width),
    width,
    (i) => (i / width) | 0,
    height,
  );
}
