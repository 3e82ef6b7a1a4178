/** @file Domes, spires, and the round walls under them. */
import type { Builder } from "./builder.js";
import { pierced, surroundOf, windowIn } from "./opening.js";
import type { Rng } from "./random.js";
import { ball, column, lathe, polygon, prism } from "./solids.js";
import type { Style } from "./style.js";

/** A dome of radius r on a drum, with ribs and lantern, standing on height y. */
export function dome(b: Builder, s: Style, rng: Rng, r: number, y: number): void {
  const drum = r * rng.range(0.4, 1);
  b.place(0, y, 0, 0, () => {
    lathe(
      b,
      [
        [r * 1.08, 0],
        [r * 1.08, drum * 0.12],
        [r, drum * 0.15],
      ],
      24,
      s.trim,
    );
    roundWall(b, s, rng, r, drum * 0.15, drum * 0.85);
    if (rng.chance(0.5)) {
      const n = rng.pick([8, 12, 16]);
      for (let i = 0; i < n; i++)
        b.place(Math.sin((i / n) * 6.2832) * r * 1.06, drum * 0.12, Math.cos((i / n) * 6.2832) * r * 1.06, 0, () =>
          column(b, drum * 0.76, r * 0.055, s.order, s.trim),
        );
    }
    lathe(
      b,
      [
        [r, drum * 0.85],
        [r * 1.12, drum * 0.9],
        [r * 1.15, drum],
        [r * 0.98, drum * 1.02],
      ],
      28,
      s.trim,
    );
  });
  const form = s.spire === "onion" ? "onion" : rng.pick(["round", "tall"]);
  const tall = form === "tall" ? 1.35 : form === "onion" ? 1.9 : 1;
  const profile: [number, number][] =
    form === "onion"
      ? [
          [0.85, 0],
          [1.02, 0.2],
          [1.06, 0.4],
          [0.95, 0.65],
          [0.66, 0.9],
          [0.36, 1.15],
          [0.15, 1.5],
          [0.04, 1.9],
        ]
      : Array.from({ length: 10 }, (_, i): [number, number] => [
          Math.cos((i / 9.6) * (Math.PI / 2)),
          Math.sin((i / 9.6) * (Math.PI / 2)) * tall,
        ]);
  const ribs = rng.chance(0.6) ? rng.pick([8, 12, 16]) : 0;
  b.place(0, y + drum, 0, 0, () => {
    lathe(
      b,
      profile.map(([x, h]): [number, number] => [x * r * 0.98, h * r]),
      28,
      s.roof,
      true,
    );
    for (let i = 0; i < ribs; i++)
      for (let k = 0; k + 1 < profile.length; k++) {
        const a = (i / ribs) * Math.PI * 2;
        b.place(0, 0, 0, a, () => {
          const [x0, h0] = profile[k];
          const [x1, h1] = profile[k + 1];
          const w = r * 0.035;
          b.quad(
            [-w, h0 * r, x0 * r * 1.02],
            [w, h0 * r, x0 * r * 1.02],
            [w, h1 * r, x1 * r * 1.02],
            [-w, h1 * r, x1 * r * 1.02],
            s.trim,
          );
        });
      }
    const l = r * 0.2;
    const top = r * tall;
    b.place(0, top * 0.97, 0, 0, () => {
      lathe(
        b,
        [
          [l * 1.2, 0],
          [l * 1.2, l * 0.3],
          [l * 0.7, l * 0.4],
          [l * 0.7, l * 1.6],
          [l, l * 1.7],
          [l * 0.8, l * 2],
          [0.1, l * 3],
        ],
        10,
        s.trim,
      );
      ball(b, l * 3.2, l * 0.3, s.metal);
    });
  });
}

/** A round tower wall of radius r with windows of the style, from y up by h. */
export function roundWall(b: Builder, s: Style, rng: Rng, r: number, y: number, h: number, floors = 1): void {
  const around = Math.PI * 2 * r;
  const scaled = h / floors;
  b.bend = ([x, py, z]) => [Math.sin(x / r) * (r + z), py + y, Math.cos(x / r) * (r + z)];
  b.bendStep = around / 28;
  const bays = Math.max(5, Math.min(16, Math.round(around / s.bay)));
  const bay = around / bays;
  const seed = rng.int(0, 1 << 20);
  for (let f = 0; f < floors; f++)
    for (let i = 0; i < bays; i++) {
      const o = {
        x: (i + 0.5) * bay,
        y: f * scaled + scaled * 0.2,
        w: Math.min(bay * s.fill, scaled * 0.4),
        h: scaled * 0.62,
        form: s.windows[1],
        depth: Math.min(s.recess, r * 0.1),
      };
      if ((i + f) % 2 && floors > 1) b.wall(i * bay, (i + 1) * bay, f * scaled, (f + 1) * scaled, 0, s.wall);
      else {
        pierced(b, i * bay, (i + 1) * bay, f * scaled, (f + 1) * scaled, s.wall, o, s.trim);
        windowIn(b, o, s, seed + i + f * 50);
        surroundOf(b, o, { ...s, hood: "none", shutters: false }, i);
      }
    }
  b.bend = undefined;
}

/** The cap of a tower with n corners (or round when n > 12) of radius r at height y. */
export function spire(b: Builder, s: Style, rng: Rng, n: number, r: number, y: number, form = s.spire): void {
  const corners = polygon(n, r * 1.08);
  const tall = r * rng.range(1.6, 4);
  if (form === "onion" || form === "dome") {
    dome(b, { ...s, spire: form }, rng, r * 0.9, y);
    return;
  }
  if (form === "lantern") {
    prism(b, corners, y, y + r * 0.6, s.roof, 0.6);
    const small = r * 0.55;
    b.place(0, y + r * 0.6, 0, 0, () => {
      for (let i = 0; i < 8; i++)
        b.place(Math.sin((i / 8) * 6.2832) * small, 0, Math.cos((i / 8) * 6.2832) * small, 0, () =>
          column(b, r, small * 0.13, "plain", s.trim),
        );
      lathe(
        b,
        [
          [small * 1.15, r],
          [small * 1.2, r * 1.15],
          [small, r * 1.2],
          [0.05, r * 1.2 + tall * 0.5],
        ],
        8,
        s.roof,
      );
      ball(b, r * 1.2 + tall * 0.5 + 0.2, 0.25, s.metal);
    });
    return;
  }
  const height = form === "pyramid" ? r * rng.range(0.8, 1.6) : tall;
  prism(b, corners, y, y + height, s.roof, 0.01, false);
  if (form === "cone" && n < 12)
    for (const [x, z] of corners)
      b.place(x * 0.95, y, z * 0.95, 0, () =>
        lathe(
          b,
          [
            [r * 0.12, 0],
            [r * 0.12, r * 0.4],
            [r * 0.17, r * 0.45],
            [0, r],
          ],
          5,
          s.trim,
        ),
      );
  b.place(0, y + height, 0, 0, () => {
    ball(b, 0.15, 0.3, s.metal);
    b.box(-0.06, 0.06, 0, 1.8, -0.06, 0.06, s.metal);
    b.box(-0.45, 0.45, 1.1, 1.25, -0.06, 0.06, s.metal);
  });
}
