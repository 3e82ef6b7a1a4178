/** @file Figures, riders and abstract forms as blended limbs with folds of drapery. */
import type { V3 } from "./builder.js";
import { noiseLibrary, smoothAt } from "./noise.js";
import type { Rng } from "./random.js";

/** A tapered capsule from a to b with radii ra, rb. */
interface Limb {
  readonly a: V3;
  readonly b: V3;
  readonly ra: number;
  readonly rb: number;
}

/** Distance to the smooth union of limbs, roughened by folds of drapery. */
export function blended(
  limbs: readonly Limb[],
  softness: number,
  folds: number,
  rng: Rng,
): (x: number, y: number, z: number) => number {
  const { mid, soft } = noiseLibrary();
  const s = rng.range(0, 255);
  const frequency = rng.range(14, 26);
  return (x, y, z) => {
    let sum = 0;
    for (const { a, b, ra, rb } of limbs) {
      const dx = b[0] - a[0];
      const dy = b[1] - a[1];
      const dz = b[2] - a[2];
      const px = x - a[0];
      const py = y - a[1];
      const pz = z - a[2];
      let t = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz + 1e-9);
      t = t < 0 ? 0 : Math.min(t, 1);
      const qx = px - dx * t;
      const qy = py - dy * t;
      const qz = pz - dz * t;
      const d = Math.sqrt(qx * qx + qy * qy + qz * qz) - ra - (rb - ra) * t;
      if (d < softness * 8) sum += Math.exp(-d / softness);
    }
    if (sum < 1e-4) return softness * 8;
    const d = -softness * Math.log(sum);
    if (d > 0.4) return d;
    const angle = Math.atan2(x, z);
    const fold =
      Math.sin(angle * frequency * 0.5 + 6 * smoothAt(soft, s + y * 12, angle * 20)) *
      Math.max(0, 1 - Math.abs(y - 0.7));
    return d + folds * (0.022 * fold + 0.05 * (smoothAt(mid, s + angle * 26, y * 30) - 0.5));
  };
}

/** A standing or striding figure of height about 2, drawn from its joints. */
export function figure(rng: Rng, x = 0): Limb[] {
  const lean = rng.range(-0.12, 0.12);
  const hip = 0.95;
  const chest: V3 = [x + lean, 1.45, rng.range(-0.08, 0.08)];
  const head: V3 = [x + lean * 1.4 + rng.range(-0.06, 0.06), 1.84, 0.05];
  const limbs: Limb[] = [
    { a: [x, hip, 0], b: chest, ra: 0.19, rb: 0.22 },
    { a: [chest[0], 1.55, 0], b: [head[0], 1.72, 0.02], ra: 0.1, rb: 0.08 },
    { a: head, b: [head[0], 1.94, 0.03], ra: 0.115, rb: 0.11 },
  ];
  for (const side of [-1, 1]) {
    const foot: V3 = [x + side * rng.range(0.1, 0.28), 0.05, rng.range(-0.3, 0.3)];
    const knee: V3 = [x + side * 0.14, 0.5, foot[2] * 0.5 + 0.1];
    limbs.push({ a: [x + side * 0.1, hip, 0], b: knee, ra: 0.13, rb: 0.1 }, { a: knee, b: foot, ra: 0.095, rb: 0.07 });
    limbs.push({ a: foot, b: [foot[0], 0.04, foot[2] + 0.18], ra: 0.06, rb: 0.05 });
    const raised = rng.next();
    const shoulder: V3 = [chest[0] + side * 0.26, 1.55, chest[2]];
    const elbow: V3 =
      raised > 0.7
        ? [shoulder[0] + side * 0.25, 1.75, 0.15]
        : [shoulder[0] + side * rng.range(0.08, 0.25), 1.22, rng.range(-0.1, 0.2)];
    const hand: V3 =
      raised > 0.7
        ? [elbow[0] + side * 0.1, rng.range(1.9, 2.25), 0.3]
        : [elbow[0] + side * rng.range(-0.25, 0.15), rng.range(0.95, 1.35), elbow[2] + rng.range(0, 0.3)];
    limbs.push({ a: shoulder, b: elbow, ra: 0.085, rb: 0.07 }, { a: elbow, b: hand, ra: 0.065, rb: 0.05 });
    if (raised > 0.85)
      limbs.push(
        { a: hand, b: [hand[0], hand[1] - 1.7, hand[2]], ra: 0.04, rb: 0.04 },
        { a: hand, b: [hand[0], hand[1] + 0.5, hand[2]], ra: 0.04, rb: 0.06 },
      );
  }
  if (rng.chance(0.5))
    for (const side of [-1, 0, 1])
      limbs.push({ a: [x, hip + 0.1, -0.02], b: [x + side * 0.22, 0.12, rng.range(-0.2, 0.1)], ra: 0.2, rb: 0.2 });
  if (rng.chance(0.4))
    limbs.push({ a: [chest[0], 1.55, -0.16], b: [x + rng.range(-0.2, 0.2), 0.3, -0.4], ra: 0.2, rb: 0.26 });
  if (rng.chance(0.3))
    limbs.push({ a: [head[0] - 0.16, 1.97, 0.03], b: [head[0] + 0.16, 1.97, 0.03], ra: 0.06, rb: 0.06 });
  return limbs;
}

/** A rider on a walking or rearing horse. */
export function rider(rng: Rng): Limb[] {
  const up = 0.95;
  const rear = rng.chance(0.35) ? 0.45 : 0;
  const limbs: Limb[] = [
    { a: [0, up + 0.1, -0.6], b: [0, up + 0.15 + rear, 0.5], ra: 0.3, rb: 0.29 },
    { a: [0, up + 0.3 + rear, 0.6], b: [0, up + 0.95 + rear, 0.95], ra: 0.2, rb: 0.13 },
    { a: [0, up + 0.98 + rear, 0.95], b: [0, up + 0.72 + rear, 1.3], ra: 0.13, rb: 0.08 },
    { a: [0, up + 0.2, -0.85], b: [0, 0.5, -1.15], ra: 0.1, rb: 0.07 },
  ];
  for (const side of [-1, 1])
    for (const z of [-0.6, 0.5]) {
      const lifted = z > 0 && (rear > 0 || (side > 0 && rng.chance(0.7)));
      const base = up + (z > 0 ? rear : 0);
      const knee: V3 = [side * 0.2, lifted ? base - 0.15 : base * 0.5, z + (lifted ? 0.4 : 0.05)];
      limbs.push(
        { a: [side * 0.17, base, z], b: knee, ra: 0.14, rb: 0.08 },
        { a: knee, b: [side * 0.2, lifted ? base - 0.55 : 0.05, z + (lifted ? 0.3 : 0)], ra: 0.07, rb: 0.08 },
      );
    }
  for (const l of figure(rng)) {
    const lift = (p: V3): V3 => [p[0] * (p[1] < 0.9 ? 2 : 1), p[1] * 0.8 + up - 0.35 + rear * 0.5, p[2] * 0.6 - 0.1];
    limbs.push({ ...l, a: lift(l.a), b: lift(l.b) });
  }
  return limbs;
}

/** A modern form: a chain of thick strokes. */
export function blobs(rng: Rng): Limb[] {
  let p: V3 = [0, 0.2, 0];
  return Array.from({ length: rng.int(4, 12) }, () => {
    const q: V3 = [rng.range(-0.5, 0.5), Math.min(2, p[1] + rng.range(-0.2, 0.6)), rng.range(-0.4, 0.4)];
    const limb = { a: p, b: q, ra: rng.range(0.07, 0.26), rb: rng.range(0.05, 0.22) };
    p = q;
    return limb;
  });
}
