/** @file Monuments: figures, riders, busts and abstract forms as blended solids with folds, on pedestals; obelisks, fountains. */
import type { Builder, V3 } from "./builder.js";
import { METALS, STONES, vary } from "./colours.js";
import { metal } from "./coverings.js";
import { cornice } from "./facadeTrim.js";
import { blended, blobs, figure, rider } from "./figures.js";
import { concrete, marble } from "./masonry.js";
import type { Rng } from "./random.js";
import { ball, column, lathe, polygon, prism } from "./solids.js";
import type { Style } from "./style.js";
import { addSurface } from "./surfaceNets.js";

/** Builds a monument with its pedestal. */
export function statue(b: Builder, s: Style, rng: Rng): number {
  const form = rng.weighted({
    figure: 3,
    group: 1.5,
    rider: 1.5,
    bust: 1,
    abstract: 1.2,
    obelisk: 0.8,
    fountain: 1.2,
    memorial: 1.2,
  });
  const stuff = b.add(
    rng.chance(0.55)
      ? metal(
          rng,
          vary(rng, rng.pick([[0.28, 0.25, 0.2], [0.2, 0.2, 0.19], [0.4, 0.33, 0.2], ...METALS.slice(0, 1)])),
          rng.range(0, 0.8),
        )
      : rng.chance(0.7)
        ? marble(rng, vary(rng, rng.pick(STONES)))
        : concrete(rng, vary(rng, rng.pick(STONES))),
  );
  const scale = rng.range(1.2, 2.6);
  let y = pedestal(b, s, rng, form === "fountain" ? 0.5 : rng.range(0.8, 2), form === "rider" ? 1.5 : 1, scale);
  if (form === "obelisk") {
    const h = rng.range(7, 14);
    prism(b, polygon(4, 1.2), y, y + h, s.wall, 0.6);
    prism(b, polygon(4, 0.72), y + h, y + h + 1.2, s.metal, 0.02);
    for (let i = 0; i < 4; i++)
      b.place(0, 0, 0, (i * Math.PI) / 2, () =>
        b.picture([-0.5, y + 0.7, 0.86], [0.5, y + 0.7, 0.86], [0.5, y + 1.7, 0.86], [-0.5, y + 1.7, 0.86], s.panel),
      );
    return Math.PI;
  }
  if (form === "memorial") {
    const h = rng.range(4, 8);
    b.place(0, y, 0, 0, () => column(b, h, rng.range(0.45, 0.8), s.order, s.wall));
    y += h;
  }
  if (form === "fountain") {
    const r = rng.range(2.2, 3.5);
    lathe(
      b,
      [
        [r, 0],
        [r * 1.08, 0.2],
        [r * 1.02, 0.7],
        [r * 1.12, 0.8],
        [r * 0.95, 0.85],
        [r * 0.93, 0.5],
      ],
      24,
      s.trim,
    );
    lathe(
      b,
      [
        [r * 0.94, 0.6],
        [0, 0.6],
      ],
      24,
      s.glass,
    );
    lathe(
      b,
      [
        [0.5, 0.5],
        [0.35, 0.9],
        [0.28, 1.5],
        [0.5, 1.9],
        [1.5, 2.3],
        [1.6, 2.45],
        [1.4, 2.4],
        [0.3, 2.2],
      ],
      20,
      s.trim,
      true,
    );
    for (let i = 0; i < 6; i++)
      b.place(Math.sin(i * 1.0472) * r * 1.05, 0.8, Math.cos(i * 1.0472) * r * 1.05, 0, () =>
        ball(b, 0.3, 0.28, s.trim, 8),
      );
    y = 2.3;
  }
  const limbs =
    form === "rider"
      ? rider(rng)
      : form === "abstract"
        ? blobs(rng)
        : form === "group"
          ? [...figure(rng.fork(1), -0.32), ...figure(rng.fork(2), 0.32)]
          : figure(rng);
  const kept =
    form === "bust"
      ? limbs
          .filter((l) => l.a[1] > 1.3)
          .map((l) => ({
            ...l,
            a: [l.a[0], l.a[1] - 1.2, l.a[2]] as V3,
            b: [l.b[0], Math.max(0.05, l.b[1] - 1.2), l.b[2]] as V3,
          }))
      : limbs;
  const reach = form === "rider" ? 1.6 : 1;
  const cell = form === "bust" ? 0.035 : form === "rider" ? 0.06 : 0.05;
  b.place(
    0,
    y,
    0,
    rng.range(-0.5, 0.5),
    () =>
      addSurface(
        b,
        blended(kept, form === "abstract" ? 0.06 : 0.035, form === "abstract" ? 0.5 : 1, rng),
        [-reach, -0.06, -reach],
        [reach, form === "bust" ? 1.1 : 2.75, reach],
        cell,
        stuff,
      ),
    form === "bust" ? scale * 1.3 : scale,
  );
  return Math.PI;
}

function pedestal(b: Builder, s: Style, rng: Rng, h: number, stretch: number, scale: number): number {
  const w = scale * rng.range(0.6, 0.85);
  const d = w * stretch;
  const steps = rng.int(1, 4);
  for (let i = 0; i < steps; i++)
    b.box(
      -w - (steps - i) * 0.35,
      w + (steps - i) * 0.35,
      i * 0.18,
      (i + 1) * 0.18,
      -d - (steps - i) * 0.35,
      d + (steps - i) * 0.35,
      s.base,
    );
  const y = steps * 0.18;
  const top = y + h * scale;
  if (rng.chance(0.3)) {
    lathe(
      b,
      [
        [w * 1.2, y],
        [w * 1.2, y + 0.3],
        [w, y + 0.4],
        [w * 0.95, top - 0.4],
        [w * 1.15, top - 0.2],
        [w * 1.15, top],
        [0, top],
      ],
      20,
      s.wall,
    );
    return top;
  }
  b.box(-w, w, y, top, -d, d, s.wall);
  b.box(-w * 1.1, w * 1.1, y, y + 0.3, -d * 1.1, d * 1.1, s.trim);
  for (let i = 0; i < 4; i++) {
    const half = i % 2 ? d : w;
    const out = i % 2 ? w : d;
    b.place(0, 0, 0, (i * Math.PI) / 2, () => {
      b.place(-half, 0, out, 0, () => cornice(b, { ...s, cornice: 0.35, dentils: "none" }, half * 2, top - 0.35));
      const k = Math.min(half, (top - y) / 2) * 0.6;
      const cy = (y + top) / 2;
      if (i === 0 && h > 1)
        b.picture(
          [-half * 0.8, cy - k * 0.35, out + 0.03],
          [half * 0.8, cy - k * 0.35, out + 0.03],
          [half * 0.8, cy + k * 0.35, out + 0.03],
          [-half * 0.8, cy + k * 0.35, out + 0.03],
          s.sign,
          0.25,
        );
      else
        b.picture(
          [-k, cy - k, out + 0.04],
          [k, cy - k, out + 0.04],
          [k, cy + k, out + 0.04],
          [-k, cy + k, out + 0.04],
          s.panel,
        );
    });
  }
  return top;
}
