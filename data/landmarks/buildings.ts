/** @file The masses of each kind of building: what stands where, made of facades, roofs, towers and domes. */
import type { Builder } from "./builder.js";
import { vary } from "./colours.js";
import { dome, roundWall, spire } from "./domes.js";
import { parapets, pediment } from "./massParts.js";
import { surroundOf, windowIn } from "./opening.js";
import type { Rng } from "./random.js";
import { block, roof } from "./roof.js";
import { basilica, church, temple } from "./sacred.js";
import { statue } from "./statue.js";
import { arch, castle, tower } from "./strongholds.js";
import type { Kind, Style } from "./style.js";

/** Builds a landmark of the style's kind, its front towards +z. Returns how far around it cameras may stand (radians from the front). */
export function building(b: Builder, s: Style, rng: Rng): number {
  return s.kind === "statue" ? statue(b, s, rng) : MASSES[s.kind](b, s, rng);
}

type Mass = (b: Builder, s: Style, rng: Rng) => number;

const MASSES: Record<Exclude<Kind, "statue">, Mass> = {
  palace,
  church,
  temple,
  tower,
  castle,
  dome: basilica,
  houses,
  arch,
  modern,
};

function palace(b: Builder, s: Style, rng: Rng): number {
  const bays = rng.int(5, 13);
  const w = bays * s.bay;
  const d = rng.range(0.35, 0.8) * w;
  const floors = rng.int(2, 4);
  const h = block(b, s, rng, w, d, floors, { door: true });
  if (s.roofForm === "flat") parapets(b, s, w, d, h);
  roof(b, s, rng, w, d, h);
  if (rng.chance(0.6)) {
    // A central projection, a little higher, with a gable or a dome.
    const cw = s.bay * (bays > 7 ? 3 : 1 + (bays % 2)) + 1;
    const extra = rng.chance(0.5) ? 1 : 0;
    b.place(0, 0, d / 2 - 1.5, 0, () => {
      const ch = block(
        b,
        { ...s, pilasters: s.pilasters === "none" ? "flat" : s.pilasters, bay: cw / (bays > 7 ? 3 : 1) },
        rng,
        cw,
        5,
        floors + extra,
        { door: true },
      );
      if (rng.chance(0.35)) dome(b, s, rng, Math.min(cw * 0.4, 5), ch);
      else pediment(b, s, cw, 2.5, ch);
      roof(b, s, rng, cw, 5, ch, "flat");
    });
  }
  if (rng.chance(0.45)) {
    const r = rng.range(2.4, 4);
    const round = rng.chance(0.4);
    // Both towers of a pair draw the same numbers.
    const pair = rng.int(0, 1 << 30);
    const th = h + rng.range(2, 3);
    for (const side of [-1, 1])
      b.place((side * w) / 2, 0, d / 2 - r * 0.6, 0, () => {
        if (round) roundWall(b, s, rng, r, 0, th, floors + 1);
        else block(b, { ...s, bay: r * 2, pilasters: "none" }, rng, r * 2, r * 2, floors);
        spire(b, s, rng.fork(pair), round ? 16 : 4, round ? r : r * 1.35, round ? th : h);
      });
  }
  return Math.PI;
}

function houses(b: Builder, s: Style, rng: Rng): number {
  const n = rng.int(3, 6);
  let x = 0;
  const widths = Array.from({ length: n }, () => rng.range(5, 10));
  const total = widths.reduce((a, c) => a + c);
  for (let i = 0; i < n; i++) {
    const w = widths[i];
    const own: Style = {
      ...s,
      floors: [rng.range(3, 4), rng.range(2.8, 3.6), rng.range(2.3, 3)],
      bay: rng.range(2.2, 3.2),
      shutters: rng.chance(0.4),
      surround: rng.pick(["band", "none", "ears", s.surround]),
      hood: rng.pick(["none", "cornice", s.hood]),
      panes: [rng.int(1, 2), rng.int(2, 4)],
      wall: rng.pick([s.wall, s.wall2, s.wall]),
      groundFloor: rng.pick(["shops", "windows", s.groundFloor]),
      roofPitch: rng.range(0.7, 1.3),
    };
    const d = rng.range(8, 11);
    const gabled = rng.chance(0.5);
    b.place(x + w / 2 - total / 2, 0, -d / 2 + rng.range(0, 0.8), 0, () =>
      b.tinted(vary(rng, [0.92, 0.92, 0.9], 0.12), () => {
        const floors = rng.int(2, 4);
        const h = block(b, own, rng, w, d, floors, { door: true, modestBack: true });
        if (!gabled) roof(b, own, rng, w, d, h, "gable", true);
        else {
          b.place(0, 0, 0, Math.PI / 2, () => {
            roof(b, { ...own, dormers: 0 }, rng, d, Math.min(w, d - 0.1), h, "gable");
          });
          stepGable(b, own, rng, w, d / 2 + 0.1, h);
        }
      }),
    );
    x += w;
  }
  return 1.15;
}

function stepGable(b: Builder, s: Style, rng: Rng, w: number, z: number, y: number): void {
  const steps = rng.int(3, 6);
  const rise = w * rng.range(0.5, 0.75);
  for (let i = 0; i < steps; i++) {
    const half = (w / 2) * (1 - i / steps) * 0.98;
    const y0 = y + (rise * i) / steps;
    const y1 = y + (rise * (i + 1)) / steps;
    b.box(-half, half, y0, y1, z - 0.4, z, s.wall);
    b.box(-half - 0.08, half + 0.08, y1 - 0.14, y1, z - 0.45, z + 0.08, s.trim, true);
  }
  if (w > 5) {
    const o = { x: 0, y: y + rise * 0.15, w: 0.9, h: 1.3, form: s.windows[2], depth: 0.04 };
    b.place(0, 0, z + 0.06, 0, () => {
      windowIn(b, o, s, 9);
      surroundOf(b, o, s, 0);
    });
  }
}

function modern(b: Builder, s: Style, rng: Rng): number {
  const boxes = rng.int(1, 4);
  for (let i = 0; i < boxes; i++) {
    const w = rng.range(8, 22);
    const d = rng.range(8, 16);
    const floors = rng.int(2, 9);
    const own: Style = {
      ...s,
      wall: i % 2 ? s.wall2 : s.wall,
      base: s.wall,
      panes: [rng.int(1, 3), rng.int(1, 2)],
      bay: i ? s.bay * rng.range(0.7, 1.4) : s.bay,
      fill: rng.range(0.5, 0.88),
    };
    const x = i ? rng.range(-9, 9) : 0;
    const z = i ? rng.range(-8, 3) : 0;
    b.place(x, 0, z, rng.chance(0.3) ? rng.range(-0.5, 0.5) : 0, () => {
      const h = block(b, own, rng, w, d, floors, { door: i === 0 });
      roof(b, own, rng, w, d, h, "flat");
      if (i === 0 && rng.chance(0.5))
        b.picture(
          [-w / 2, 5, d / 2 + 0.15],
          [w / 2 - w * 0.6, 5, d / 2 + 0.15],
          [w / 2 - w * 0.6, h - 1, d / 2 + 0.15],
          [-w / 2, h - 1, d / 2 + 0.15],
          s.mural,
        );
      if (rng.chance(0.5))
        for (let k = 0; k < w / 1.2; k++)
          b.box(k * 1.2 - w / 2, k * 1.2 - w / 2 + 0.12, 4, h + 0.4, d / 2, d / 2 + 0.6, s.metal);
    });
  }
  return Math.PI;
}
