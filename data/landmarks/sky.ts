/** @file The sky as a function of direction: gradient, sun glow, clouds, and a hazy skyline of hills or roofs. */
import type { Light } from "./light.js";
import { noiseLibrary, smoothAt } from "./noise.js";
import { hash01 } from "./random.js";

/** What stands on the horizon of one landmark. */
export interface Skyline {
  readonly seed: number;
  readonly kind: "hills" | "woods" | "town";
  /** Elevation of its highest parts, in radians. */
  readonly height: number;
}

/** Writes the linear colour of the sky in the unit direction (x, y, z). `sharp` off leaves clouds and skyline out. */
export function skyColour(
  light: Light,
  skyline: Skyline,
  x: number,
  y: number,
  z: number,
  out: Float64Array,
  sharp = true,
): void {
  const up = Math.max(0, y);
  const t = 1 - Math.sqrt(up);
  const k = t * t * t * (0.4 + 0.6 * t);
  for (let c = 0; c < 3; c++) out[c] = light.zenith[c] + (light.horizon[c] - light.zenith[c]) * k;
  const sun = x * light.toSun[0] + y * light.toSun[1] + z * light.toSun[2];
  const brightness = light.sun[0] + light.sun[1] + light.sun[2];
  if (sun > 0 && brightness > 0.6) {
    const glow = 0.25 * sun ** 12 + 0.8 * sun ** 200 + (sun > 0.9996 ? 8 : 0);
    for (let c = 0; c < 3; c++) out[c] += glow * light.sun[c] * 0.4;
  }
  const maps = noiseLibrary();
  if (up > 0.015 && light.cloud > 0.02) {
    const flat = 26 / (up + 0.08);
    const u = light.cloudShift[0] + x * flat;
    const v = light.cloudShift[1] + z * flat;
    let density = smoothAt(maps.soft, u, v);
    if (sharp) density += 0.35 * (smoothAt(maps.soft, u * 3.1 + 50, v * 3.1) - 0.5);
    const cover = Math.min(1, Math.max(0, (density - 0.85 + light.cloud * 0.75) * 3.2));
    const thick = Math.min(1, Math.max(0, density - 0.3));
    const fade = Math.min(1, up * 8) * cover;
    for (let c = 0; c < 3; c++) {
      const bright = 0.28 * light.sun[c] + 0.9 * light.horizon[c];
      out[c] += (bright * (1.05 - 0.55 * thick * light.cloud) - out[c]) * fade;
    }
  }
  if (y < skyline.height * 1.3) {
    const angle = (Math.atan2(x, z) / Math.PI + 1) * 128;
    let top = skyline.height * (0.25 + 0.75 * smoothAt(maps.soft, angle * 2, skyline.seed));
    if (skyline.kind === "woods") top *= 0.8 + 0.4 * smoothAt(maps.mid, angle * 8, skyline.seed);
    if (skyline.kind === "town")
      top = skyline.height * (0.3 + 0.7 * hash01(Math.floor(angle * 1.7), skyline.seed) ** 2);
    if (y < top) {
      const depth = 0.55;
      const shade =
        skyline.kind === "town"
          ? 0.35 + 0.2 * hash01(Math.floor(angle * 1.7), skyline.seed, 3)
          : 0.2 + 0.12 * smoothAt(maps.mid, angle * 20, y * 900);
      const base = (light.zenith[1] + light.horizon[1]) * 0.5 + 0.3 * light.sun[1];
      const green = skyline.kind === "town" ? [1, 0.97, 0.93] : [0.75, 0.95, 0.6];
      for (let c = 0; c < 3; c++) out[c] = light.horizon[c] * depth * 0.8 + (1 - depth) * shade * base * green[c];
    }
  }
}
