/** @file What stands around a landmark for good: ground, paths, trees, lamps, background buildings. */
import type { Builder, Material, V3 } from "./builder.js";
import { BRICKS, PLASTERS, ROOFS, STONES, vary } from "./colours.js";
import { bark, foliage, type GroundKind, ground, metal, plain, tiles } from "./coverings.js";
import type { Extent } from "./extent.js";
import { ashlar, brick, plaster } from "./masonry.js";
import type { Rng } from "./random.js";
import { block, roof } from "./roof.js";
import { ball, lathe } from "./solids.js";
import type { Style } from "./style.js";

/** Materials that the passers-by of each view use too. */
export interface Stock {
  readonly leaf: Material;
  readonly bark: Material;
  readonly iron: Material;
  readonly paint: Material;
  readonly glass: Material;
}

/** Lays the ground and plants, and returns the stock of shared materials. */
export function surroundings(b: Builder, s: Style, rng: Rng, extent: Extent): Stock {
  const stock: Stock = {
    leaf: b.add(foliage(rng)),
    bark: b.add(bark(rng)),
    iron: b.add(metal(rng, [0.2, 0.21, 0.22])),
    paint: b.add(plain(0.25)),
    glass: s.glass,
  };
  const r = extent.radius;
  const plaza = b.add(ground(rng, rng.pick<GroundKind>(["cobble", "slabs", "slabs", "setts", "gravel", "asphalt"])));
  const beyond = b.add(ground(rng, rng.pick<GroundKind>(["grass", "grass", "asphalt", "slabs"])));
  const path = b.add(ground(rng, rng.pick<GroundKind>(["gravel", "slabs", "asphalt"])));
  const far = 900;
  b.quad([-far, -0.06, -far], [far, -0.06, -far], [far, -0.06, far], [-far, -0.06, far], beyond);
  const inner = r * rng.range(1.4, 2.6);
  lathe(
    b,
    [
      [inner, -0.03],
      [0, -0.03],
    ],
    36,
    plaza,
  );
  lathe(
    b,
    [
      [inner + 0.4, -0.06],
      [inner + 0.4, 0.1],
      [inner, 0.1],
      [inner, -0.03],
    ],
    36,
    s.base,
  );
  for (let i = 0; i < 3; i++)
    b.place(0, 0, 0, i === 0 ? 0 : rng.range(0.6, 5.6), () => {
      const w = rng.range(1.5, 4);
      b.quad([-w, 0.0, inner * 0.7], [w, 0.0, inner * 0.7], [w, 0.0, r * 8], [-w, 0.0, r * 8], path);
    });
  const trees = rng.chance(0.75) ? rng.int(2, 9) : 0;
  const species = {
    tall: rng.range(0.8, 1.5),
    slim: rng.chance(0.2),
    colour: [rng.range(0.55, 0.75), rng.range(0.62, 0.78), rng.range(0.3, 0.5)] as V3,
  };
  for (let i = 0; i < trees; i++) {
    const a = rng.range(0, Math.PI * 2);
    // Most trees keep off the front, where the cameras are.
    if (Math.cos(a) > 0.75 && rng.chance(0.6)) continue;
    const d = r * rng.range(1.15, 1.9) + 6;
    b.place(Math.sin(a) * d, 0, Math.cos(a) * d, rng.range(0, 6), () => tree(b, stock, rng, species));
  }
  const lamps = rng.int(0, 6);
  for (let i = 0; i < lamps; i++) {
    const a = (i / Math.max(1, lamps)) * Math.PI * 2 + 0.85;
    b.place(Math.sin(a) * r * 1.5, 0, Math.cos(a) * r * 1.5, 0, () => lamp(b, stock, rng.fork("lamp")));
  }
  if (rng.chance(0.35)) {
    const n = 40;
    const fence = r * rng.range(1.1, 1.3) + 1.5;
    for (let i = 0; i < n; i++) {
      if (i < 3 || i > n - 4) continue;
      const a = (i / n) * Math.PI * 2;
      b.place(Math.sin(a) * fence, 0, Math.cos(a) * fence, a, () => {
        const half = (Math.PI * fence) / n;
        for (const y of [0.25, 0.95]) b.box(-half, half, y, y + 0.05, -0.02, 0.02, stock.iron);
        for (let k = 0; k < 7; k++)
          b.box((k / 3.5 - 1) * half - 0.02, (k / 3.5 - 1) * half + 0.02, 0, 1.1, -0.02, 0.02, stock.iron);
      });
    }
  }
  town(b, s, rng, r);
  return stock;
}

/** Background blocks: same builders, other materials, fewer details, well behind where the cameras stand. */
function town(b: Builder, s: Style, rng: Rng, r: number): void {
  if (rng.chance(0.2)) return;
  const walls = [
    b.add(plaster(rng, vary(rng, rng.pick(PLASTERS)))),
    b.add(brick(rng, vary(rng, rng.pick(BRICKS)))),
    b.add(ashlar(rng, vary(rng, rng.pick(STONES)))),
  ];
  const roofs = b.add(tiles(rng, vary(rng, rng.pick(ROOFS))));
  const n = rng.int(4, 12);
  for (let i = 0; i < n; i++) {
    const a = ((i + rng.range(-0.2, 0.2)) / n) * Math.PI * 2 + 0.3;
    if (rng.chance(0.25)) continue;
    const d = r * rng.range(3.6, 5) + 35;
    const wall = rng.pick(walls);
    const own: Style = {
      ...s,
      wall,
      base: wall,
      roof: roofs,
      windows: ["flat", "flat", "flat"],
      lights: 1,
      pilasters: "none",
      dentils: "none",
      quoins: false,
      floors: [3.8, 3.2, 3],
      bay: rng.range(3.2, 5),
      fill: 0.34,
      recess: 0.12,
      panes: [1, 1],
      groundFloor: "windows",
      stripes: 0,
      cornice: 0.4,
      dormers: 0,
      roofForm: rng.pick(["gable", "hip", "flat"]),
      roofPitch: 0.7,
    };
    b.place(Math.sin(a) * d, 0, Math.cos(a) * d, a + Math.PI + rng.range(-0.3, 0.3), () => {
      const w = rng.range(14, 30);
      const depth = rng.range(9, 13);
      let h = 0;
      b.place(-w / 2, 0, depth / 2, 0, () => {
        h = simpleFront(b, own, rng, w);
      });
      b.wall(-w / 2, w / 2, 0, h, -depth / 2, wall);
      for (const side of [-1, 1])
        b.place(0, 0, 0, (side * Math.PI) / 2, () => b.wall(-depth / 2, depth / 2, 0, h, w / 2, wall));
      roof(b, own, rng, w, depth, h);
    });
  }
  if (rng.chance(0.15)) {
    // A second, smaller building of the same style close by.
    const a = rng.pick([-1, 1]) * rng.range(1.3, 1.9);
    b.place(Math.sin(a) * (r * 1.4 + 9), 0, Math.cos(a) * (r * 1.4 + 9), rng.range(-0.4, 0.4), () => {
      const h = block(b, { ...s, pilasters: "none" }, rng, 10, 8, 2, { door: true });
      roof(b, s, rng, 10, 8, h, "hip");
    });
  }
}

/** Windows as flat panes with a frame: at that distance nothing else is seen. */
function simpleFront(b: Builder, s: Style, rng: Rng, w: number): number {
  const floors = rng.int(3, 6);
  const h = floors * 3.3 + 1;
  b.wall(0, w, 0, h, 0, s.wall);
  const bays = Math.round(w / s.bay);
  for (let f = 0; f < floors; f++)
    for (let i = 0; i < bays; i++) {
      const x = ((i + 0.5) * w) / bays;
      const y = 1 + f * 3.3;
      b.tinted([0.6 + rng.next(), 0.6 + rng.next(), 1], () => b.wall(x - 0.6, x + 0.6, y, y + 1.8, 0.05, s.glass));
      b.box(x - 0.75, x + 0.75, y - 0.15, y, 0, 0.15, s.trim);
      b.box(x - 0.75, x + 0.75, y + 1.8, y + 2, 0, 0.15, s.trim);
      b.box(x - 0.04, x + 0.04, y, y + 1.8, 0, 0.1, s.frame);
    }
  b.box(-0.2, w + 0.2, h - 0.4, h, 0, 0.5, s.trim);
  return h;
}

/** Shape shared by the trees of one place. */
export interface Species {
  readonly tall: number;
  readonly slim: boolean;
  readonly colour: V3;
}

/** A trunk and a crown of leaf cards around a few centres. */
export function tree(b: Builder, stock: Stock, rng: Rng, species: Species, cards = 760): void {
  const h = rng.range(5, 8) * species.tall;
  const width = species.slim ? h * 0.16 : h * rng.range(0.3, 0.44);
  lathe(
    b,
    [
      [0.28, 0],
      [0.2, h * 0.2],
      [0.13, h * 0.5],
      [0.05, h * 0.8],
    ],
    7,
    stock.bark,
  );
  const centres = Array.from(
    { length: 11 },
    (): V3 => [rng.gauss() * width * 0.45, h * rng.range(0.45, 0.9), rng.gauss() * width * 0.45],
  );
  for (let i = 0; i < cards; i++) {
    const c = centres[i % 11];
    const a = rng.range(0, Math.PI * 2);
    const up = rng.range(-1, 1);
    const out = Math.sqrt(1 - up * up);
    const reach = width * 0.55 * Math.sqrt(rng.next());
    const p: V3 = [c[0] + Math.cos(a) * out * reach, c[1] + up * reach, c[2] + Math.sin(a) * out * reach];
    const size = rng.range(0.13, 0.3) * (h / 7);
    const t = rng.range(0, Math.PI * 2);
    const e: V3 = [Math.cos(t) * size, rng.range(-0.6, 0.6) * size, Math.sin(t) * size];
    const g: V3 = [rng.range(-1, 1) * size, rng.range(0.3, 1) * size, rng.range(-1, 1) * size];
    // Inner leaves are in the shade of the others.
    const inner = 0.65 + 0.4 * (reach / (width * 0.55)) + rng.range(-0.08, 0.08);
    b.tint = [species.colour[0] * inner, species.colour[1] * inner, species.colour[2] * inner];
    b.tri(
      [p[0] - e[0], p[1] - e[1], p[2] - e[2]],
      [p[0] + e[0], p[1] + e[1], p[2] + e[2]],
      [p[0] + g[0], p[1] + g[1], p[2] + g[2]],
      stock.leaf,
    );
    b.tri(
      [p[0] - e[0], p[1] - e[1], p[2] - e[2]],
      [p[0] - g[0] * 0.7, p[1] - g[1] * 0.7, p[2] - g[2]],
      [p[0] + e[0], p[1] + e[1], p[2] + e[2]],
      stock.leaf,
    );
  }
  b.tint = [1, 1, 1];
}

function lamp(b: Builder, stock: Stock, rng: Rng): void {
  const h = rng.range(3.2, 5);
  lathe(
    b,
    [
      [0.2, 0],
      [0.2, 0.3],
      [0.09, 0.5],
      [0.06, h * 0.9],
      [0.12, h * 0.92],
      [0.05, h],
    ],
    7,
    stock.iron,
  );
  const arms = rng.pick([1, 2, 3]);
  for (let i = 0; i < arms; i++)
    b.place(0, h, 0, (i / arms) * Math.PI * 2, () =>
      b.place(0, 0, arms > 1 ? 0.5 : 0, 0, () => {
        if (arms > 1) b.box(-0.03, 0.03, -0.3, -0.24, -0.5, 0.02, stock.iron);
        b.tinted([1, 0.98, 0.9], () => ball(b, 0.1, 0.22, stock.paint, 8, 0.3));
      }),
    );
}
