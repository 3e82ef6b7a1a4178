/** @file From linear light to a photo: lens, exposure, colour balance, tone curve, noise. */
import type { RgbImage } from "../../base/image.js";
import { hash01, type Rng } from "./random.js";

/** One camera body and how it was set. */
export interface Film {
  /** Linear level that the metered log-mean is brought to; 0.18 is a grey card. */
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
  const warm = 0.08 * rng.gauss();
  return {
    exposure: (dark ? 0.05 : 0.19) * Math.exp(0.25 * rng.gauss()),
    balance: [1 + warm, 1 + 0.025 * rng.gauss(), 1 - warm],
    contrast: rng.range(0.9, 1.35),
    saturation: rng.chance(0.03) ? 0 : rng.range(0.75, 1.3),
    noise: rng.chance(0.25) ? rng.range(0.01, 0.04) : rng.range(0.002, 0.01),
    blur: rng.chance(0.12) ? rng.range(0.45, 0.8) : rng.range(0, 0.35),
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
  const gain = Math.min(14, Math.max(0.15, film.exposure / meter(soft, width, height)));
  const data = new Uint8Array(width * height * 3);
  const corner = 4 / (width * width + height * height);
  const curve = toneCurve(film.contrast);
  let random = film.seed;
  const { balance, saturation, vignette } = film;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = (y * width + x) * 3;
      const d = ((x - width / 2) ** 2 + (y - height / 2) ** 2) * corner;
      const g = gain * (1 - vignette * d);
      const red = soft[i] * g * balance[0];
      const green = soft[i + 1] * g * balance[1];
      const blue = soft[i + 2] * g * balance[2];
      const grey = (0.3 * red + 0.6 * green + 0.1 * blue) * (1 - saturation);
      for (let c = 0; c < 3; c++) {
        const v = grey + (c === 0 ? red : c === 1 ? green : blue) * saturation;
        const k = v <= 0 ? 0 : Math.min(Math.sqrt(v) * CURVE_STEPS, CURVE_STEPS * 3) | 0;
        const s = curve[k];
        random = (Math.imul(random, 1664525) + 1013904223) | 0;
        const value = s + film.noise * GRAIN[random >>> 20] * (1.2 - s);
        data[i + c] = value <= 0 ? 0 : value >= 1 ? 255 : (value * 255 + 0.5) | 0;
      }
    }
  return { width, height, data };
}

/** Log-mean luminance of the middle of the image, where photographers meter; the sky counts less than the subject. */
function meter(linear: Float32Array, width: number, height: number): number {
  let sum = 0;
  let count = 0;
  for (let y = Math.floor(height * 0.2); y < height * 0.9; y += 3)
    for (let x = Math.floor(width * 0.12); x < width * 0.88; x += 3) {
      const i = (y * width + x) * 3;
      sum += Math.log(0.01 + 0.3 * linear[i] + 0.6 * linear[i + 1] + 0.1 * linear[i + 2]);
      count++;
    }
  return Math.exp(sum / Math.max(1, count));
}

/** Steps of the tone table per unit of square root of light. */
const CURVE_STEPS = 2048;

/** Grain: 4096 draws of near-normal noise. */
const GRAIN = Float32Array.from({ length: 4096 }, (_, i) => 2 * (hash01(i, 1) + hash01(i, 2) - 1));

/** Linear light (as its square root) → display: a filmic curve (Narkowicz's fit of ACES), gamma, contrast around middle grey. */
function toneCurve(contrast: number): Float32Array {
  return Float32Array.from({ length: CURVE_STEPS * 3 + 1 }, (_, i) => {
    const v = ((i + 0.5) / CURVE_STEPS) ** 2;
    const filmic = Math.min(1, (v * (2.51 * v + 0.03)) / (v * (2.43 * v + 0.59) + 0.14));
    const s = filmic ** (1 / 2.2);
    return 0.5 + (s - 0.5) * (1 + (contrast - 1) * 4 * s * (1 - s) * 0.9);
  });
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
