/** @file Colours of real building materials (gamma 2, 0…1) and how they vary. */
import type { Rng } from "./random.js";
import type { Rgb } from "./texture.js";

/** Sandstone, limestone, granite, marble, basalt. */
export const STONES: readonly Rgb[] = [
  [0.8, 0.71, 0.55],
  [0.86, 0.82, 0.73],
  [0.6, 0.58, 0.56],
  [0.68, 0.66, 0.62],
  [0.63, 0.4, 0.34],
  [0.42, 0.41, 0.42],
  [0.9, 0.88, 0.85],
  [0.74, 0.6, 0.42],
  [0.72, 0.68, 0.58],
  [0.56, 0.52, 0.45],
];

/** Painted render. */
export const PLASTERS: readonly Rgb[] = [
  [0.9, 0.8, 0.55],
  [0.88, 0.66, 0.55],
  [0.92, 0.91, 0.87],
  [0.72, 0.79, 0.84],
  [0.7, 0.78, 0.66],
  [0.78, 0.77, 0.74],
  [0.83, 0.66, 0.38],
  [0.72, 0.42, 0.33],
  [0.94, 0.88, 0.76],
  [0.6, 0.3, 0.27],
];

/** Fired clay. */
export const BRICKS: readonly Rgb[] = [
  [0.6, 0.32, 0.25],
  [0.5, 0.33, 0.26],
  [0.75, 0.63, 0.44],
  [0.42, 0.28, 0.25],
  [0.7, 0.42, 0.29],
  [0.72, 0.68, 0.63],
  [0.56, 0.26, 0.22],
];

/** Tiles and slates. */
export const ROOFS: readonly Rgb[] = [
  [0.62, 0.34, 0.25],
  [0.33, 0.35, 0.39],
  [0.45, 0.27, 0.22],
  [0.52, 0.5, 0.47],
  [0.27, 0.27, 0.29],
  [0.66, 0.42, 0.3],
];

/** Copper green, iron, zinc, lead. */
export const METALS: readonly Rgb[] = [
  [0.48, 0.66, 0.58],
  [0.36, 0.37, 0.39],
  [0.62, 0.65, 0.68],
  [0.56, 0.54, 0.5],
  [0.4, 0.53, 0.5],
];

/** Bare and painted wood. */
export const WOODS: readonly Rgb[] = [
  [0.35, 0.22, 0.14],
  [0.5, 0.36, 0.24],
  [0.2, 0.3, 0.24],
  [0.24, 0.2, 0.19],
  [0.62, 0.6, 0.56],
  [0.45, 0.14, 0.12],
  [0.2, 0.28, 0.42],
];

/** The colour with a brightness change of about `amount` and a third of it in each channel. */
export function vary(rng: Rng, colour: Rgb, amount = 0.08): Rgb {
  const gain = 1 + amount * rng.gauss();
  const one = (v: number) => Math.min(0.97, Math.max(0.03, v * gain * (1 + (amount / 3) * rng.gauss())));
  return [one(colour[0]), one(colour[1]), one(colour[2])];
}

/** Linear mix, t = 0 gives a. */
export function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}
