/** @file Times of day and weather: the sun, the sky's colours, haze, lamps, snow. */
import type { V3 } from "./builder.js";
import type { Rng } from "./random.js";

/** Linear light; 1 is what a white sheet reflects under the average sky. */
export interface Light {
  readonly weather: Weather;
  readonly toSun: V3;
  readonly sun: V3;
  readonly zenith: V3;
  readonly horizon: V3;
  /** Light reflected up from the ground. */
  readonly bounce: V3;
  /** Cloud cover 0 to 1 and the shift of the cloud map. */
  readonly cloud: number;
  readonly cloudShift: readonly [number, number];
  /** Extinction a metre. */
  readonly haze: number;
  /** Share of lit windows, and floodlights [x, y, z, power] around the landmark at night. */
  readonly lit: number;
  readonly floods: readonly (readonly [number, number, number, number])[];
  readonly floodColour: V3;
  /** Snow cover 0 to 1. */
  readonly snow: number;
  /** Season's leaf colour gain. */
  readonly leaves: V3;
}

/** Time of day and weather in one word. */
export type Weather = "clear" | "partly" | "overcast" | "golden" | "dusk" | "night";

/** How far two lights are apart for local features: 0 the same, 1 day against night. Sun side counts a quarter. */
export function lightDifference(a: Light, b: Light): number {
  const dark = (l: Light) => (l.weather === "night" ? 1 : l.weather === "dusk" ? 0.6 : 0);
  const strength = (l: Light) =>
    l.weather === "clear" || l.weather === "golden" ? 1 : l.weather === "partly" ? 0.7 : 0;
  const dot = a.toSun[0] * b.toSun[0] + a.toSun[1] * b.toSun[1] + a.toSun[2] * b.toSun[2];
  const side = 0.25 * (strength(a) * strength(b) * (1 - dot) * 0.5 + 0.5 * Math.abs(strength(a) - strength(b)));
  return Math.min(1, Math.abs(dark(a) - dark(b)) + side + 0.3 * Math.abs(a.snow - b.snow));
}

/** Draws the light of one view. `reach` is the landmark's radius: floodlights stand around it. */
export function drawLight(rng: Rng, reach: number): Light {
  const weather = rng.weighted<Weather>({
    clear: 0.36,
    partly: 0.22,
    overcast: 0.24,
    golden: 0.09,
    dusk: 0.04,
    night: 0.05,
  });
  const low =
    weather === "golden"
      ? rng.range(0.1, 0.3)
      : weather === "dusk" || weather === "night"
        ? 0.4
        : rng.range(0.35, 1.15);
  const azimuth = rng.range(0, Math.PI * 2);
  const toSun: V3 = [Math.sin(azimuth) * Math.cos(low), Math.sin(low), Math.cos(azimuth) * Math.cos(low)];
  const warm = weather === "golden" ? 1 : Math.max(0, 0.6 - low);
  const power =
    { clear: 2.3, partly: 1.7, overcast: 0.12, golden: 1.7, dusk: 0, night: 0 }[weather] * rng.range(0.85, 1.15);
  const zenith: V3 = {
    clear: [0.2, 0.36, 0.72],
    partly: [0.3, 0.44, 0.7],
    overcast: [0.68, 0.71, 0.76],
    golden: [0.24, 0.32, 0.52],
    dusk: [0.05, 0.09, 0.24],
    night: [0.008, 0.01, 0.02],
  }[weather] as unknown as V3;
  const horizon: V3 = {
    clear: [0.72, 0.8, 0.92],
    partly: [0.76, 0.8, 0.86],
    overcast: [0.82, 0.83, 0.85],
    golden: [1.0, 0.72, 0.45],
    dusk: [0.42, 0.27, 0.3],
    night: [0.05, 0.04, 0.04],
  }[weather] as unknown as V3;
  const dim = rng.range(0.8, 1.2);
  const bounce = { clear: 0.4, partly: 0.35, overcast: 0.28, golden: 0.25, dusk: 0.05, night: 0.01 }[weather];
  const dark = weather === "night" || weather === "dusk";
  const lamps = dark ? rng.int(4, 8) : 0;
  const autumn = rng.chance(0.2);
  return {
    weather,
    toSun,
    sun: [power, power * (1 - 0.25 * warm), power * (0.96 - 0.55 * warm)],
    zenith: [zenith[0] * dim, zenith[1] * dim, zenith[2] * dim],
    horizon: [horizon[0] * dim, horizon[1] * dim, horizon[2] * dim],
    bounce: [bounce, bounce * 0.95, bounce * 0.88],
    cloud: {
      clear: rng.range(0, 0.25),
      partly: rng.range(0.35, 0.65),
      overcast: rng.range(0.85, 1),
      golden: rng.range(0.1, 0.6),
      dusk: rng.range(0.1, 0.7),
      night: rng.range(0, 0.5),
    }[weather],
    cloudShift: [rng.range(0, 256), rng.range(0, 256)],
    haze: rng.chance(0.1) ? rng.range(0.002, 0.005) : rng.range(0.0002, 0.001),
    lit: dark ? rng.range(0.15, 0.7) : 0,
    floods: Array.from({ length: lamps }, (_, i) => {
      const a = (i / lamps) * Math.PI * 2 + rng.range(0, 0.4);
      const r = reach * rng.range(1.05, 1.5);
      return [Math.sin(a) * r, rng.range(0.3, 5), Math.cos(a) * r, reach * reach * rng.range(0.25, 0.8)] as const;
    }),
    floodColour: rng.pick<V3>([
      [1, 0.72, 0.4],
      [1, 0.85, 0.6],
      [0.95, 0.95, 1],
      [1, 0.6, 0.28],
    ]),
    snow: !dark && rng.chance(0.05) ? rng.range(0.5, 1) : 0,
    leaves: autumn
      ? [rng.range(0.9, 1.5), rng.range(0.55, 0.85), 0.4]
      : [rng.range(0.75, 1.1), rng.range(0.85, 1.05), rng.range(0.5, 0.8)],
  };
}
