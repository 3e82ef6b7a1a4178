/** @file What differs between two visits: people, cars, a branch or a post near the camera. */
import type { Builder, V3 } from "./builder.js";
import type { Camera } from "./camera.js";
import type { Rng } from "./random.js";
import { ball, lathe } from "./solids.js";
import type { Stock } from "./surroundings.js";

/** Adds the passers-by of one view. `radius` is the landmark's; they stand between it and the camera, and around. */
export function passersBy(b: Builder, stock: Stock, rng: Rng, camera: Camera, radius: number): void {
  // A crowd before a statue would hide all of it.
  const crowd = (rng.chance(0.25) ? rng.int(12, 40) : rng.int(0, 9)) >> (radius < 6 ? 1 : 0);
  const [ex, , ez] = camera.position;
  const distance = Math.hypot(ex, ez);
  const heading = Math.atan2(ex, ez);
  const put = (near: number, far: number, spread: number, build: () => void) => {
    const d = rng.range(near, far);
    const a = heading + rng.gauss() * spread;
    b.place(Math.sin(a) * d, 0, Math.cos(a) * d, rng.range(0, Math.PI * 2), build);
  };
  const low = radius * 0.85 + 1;
  const reach = Math.max(low + 2, distance - 4);
  for (let i = 0; i < crowd; i++) put(low, reach, 0.35, () => person(b, stock, rng));
  const cars = distance > 14 && rng.chance(0.4) ? rng.int(1, 5) : 0;
  for (let i = 0; i < cars; i++)
    put(radius * 1.1 + 3, Math.max(radius * 1.1 + 4, distance * 0.72), 0.5, () => car(b, stock, rng));
  if (rng.chance(0.16)) near(b, stock, rng, camera);
}

function person(b: Builder, stock: Stock, rng: Rng): void {
  const h = rng.range(0.88, 1.08);
  const cloth = (): V3 => {
    const v = rng.range(0.12, 0.9);
    // Most clothes are grey, blue or brown; one in five is bright.
    const c = rng.chance(0.2) ? 1.2 : 0.3;
    return [v * (1 + c * rng.range(-0.5, 0.5)), v * (1 + c * rng.range(-0.5, 0.4)), v * (1 + c * rng.range(-0.5, 0.5))];
  };
  const skin: V3 = rng.pick<V3>([
    [0.9, 0.72, 0.6],
    [0.75, 0.55, 0.42],
    [0.5, 0.34, 0.26],
  ]);
  const stride = rng.range(0.02, 0.16);
  b.place(
    0,
    0,
    0,
    0,
    () => {
      b.tinted(cloth(), () => {
        for (const side of [-1, 1])
          b.place(side * 0.1, 0, side * stride, 0, () =>
            lathe(
              b,
              [
                [0.08, 0],
                [0.07, 0.1],
                [0.085, 0.5],
                [0.11, 0.88],
              ],
              6,
              stock.paint,
              true,
            ),
          );
      });
      b.tinted(cloth(), () => {
        lathe(
          b,
          [
            [0.17, 0.84],
            [0.19, 1.1],
            [0.22, 1.38],
            [0.1, 1.5],
            [0, 1.52],
          ],
          8,
          stock.paint,
          true,
        );
        for (const side of [-1, 1])
          b.place(side * 0.25, 0, side * -stride, 0, () =>
            lathe(
              b,
              [
                [0.05, 0.85],
                [0.065, 1.15],
                [0.075, 1.42],
                [0, 1.46],
              ],
              5,
              stock.paint,
              true,
            ),
          );
      });
      b.tinted(skin, () => ball(b, 1.63, 0.1, stock.paint, 8, 0.13));
      b.tinted([rng.range(0.1, 0.5), rng.range(0.1, 0.35), 0.12], () =>
        b.place(0, 0.05, -0.03, 0, () => ball(b, 1.66, 0.1, stock.paint, 8, 0.1)),
      );
    },
    h,
  );
}

function car(b: Builder, stock: Stock, rng: Rng): void {
  const colour: V3 = rng.pick<V3>([
    [0.88, 0.88, 0.88],
    [0.6, 0.61, 0.63],
    [0.25, 0.26, 0.28],
    [0.12, 0.12, 0.13],
    [0.5, 0.12, 0.1],
    [0.14, 0.2, 0.4],
    [0.3, 0.34, 0.28],
    [0.75, 0.72, 0.62],
  ]);
  const tall = rng.range(0, 0.7);
  const side: [number, number][] = [
    [-2.1, 0.35],
    [-2.1, 0.8],
    [-1.2, 0.95],
    [-0.6, 1.4 + tall],
    [1.1, 1.42 + tall],
    [1.8, 1],
    [2.1, 0.9],
    [2.1, 0.35],
  ];
  b.tinted(colour, () => {
    for (const x of [-0.85, 0.85])
      for (let i = 1; i + 1 < side.length; i++)
        b.tri(
          [x, side[0][1], side[0][0]],
          [x, side[i][1], side[i][0]],
          [x, side[i + 1][1], side[i + 1][0]],
          stock.paint,
        );
    for (let i = 0; i + 1 < side.length; i++)
      b.quad(
        [-0.85, side[i][1], side[i][0]],
        [0.85, side[i][1], side[i][0]],
        [0.85, side[i + 1][1], side[i + 1][0]],
        [-0.85, side[i + 1][1], side[i + 1][0]],
        stock.paint,
      );
  });
  for (const x of [-0.87, 0.87])
    b.quad([x, 0.98, -1], [x, 1.3 + tall, -0.55], [x, 1.32 + tall, 1], [x, 1.02, 1.5], stock.glass);
  b.quad([-0.75, 1, -1.2], [0.75, 1, -1.2], [0.7, 1.36 + tall, -0.68], [-0.7, 1.36 + tall, -0.68], stock.glass);
  b.tinted([0.12, 0.12, 0.12], () => {
    for (const x of [-0.8, 0.8])
      for (const z of [-1.3, 1.3]) b.box(x - 0.12, x + 0.12, 0, 0.62, z - 0.31, z + 0.31, stock.paint);
  });
}

/** Something close to the lens that hides a part of the view: a branch at the top or a post at the side. */
function near(b: Builder, stock: Stock, rng: Rng, camera: Camera): void {
  const { position: e, right, up, forward } = camera;
  const at = (x: number, y: number, z: number): V3 => [
    e[0] + right[0] * x + up[0] * y + forward[0] * z,
    e[1] + right[1] * x + up[1] * y + forward[1] * z,
    e[2] + right[2] * x + up[2] * y + forward[2] * z,
  ];
  const z = 2.2;
  const halfX = ((camera.width / 2) * z) / camera.focal;
  const halfY = ((camera.height / 2) * z) / camera.focal;
  if (rng.chance(0.4)) {
    const x = halfX * rng.pick([-1, 1]) * rng.range(0.6, 0.95);
    const w = halfX * rng.range(0.03, 0.1);
    b.quad(
      at(x - w, -halfY * 1.2, z),
      at(x + w, -halfY * 1.2, z),
      at(x + w, halfY * 1.2, z),
      at(x - w, halfY * 1.2, z),
      stock.iron,
    );
    return;
  }
  const side = rng.pick([-1, 1]);
  const colour: V3 = [rng.range(0.45, 0.7), rng.range(0.5, 0.75), rng.range(0.25, 0.4)];
  for (let i = 0; i < 160; i++) {
    const cx = side * halfX * rng.range(0.2, 1.1);
    const cy = halfY * (1.1 - 0.55 * rng.next() ** 2 * (Math.abs(cx) / halfX + 0.3));
    const s = halfX * rng.range(0.025, 0.06);
    const a = rng.range(0, 6.28);
    const shade = rng.range(0.6, 1.1);
    b.tinted([colour[0] * shade, colour[1] * shade, colour[2] * shade], () =>
      b.tri(
        at(cx, cy, z),
        at(cx + Math.cos(a) * s * 2, cy + Math.sin(a) * s * 2, z + 0.05),
        at(cx + Math.cos(a + 0.7) * s, cy + Math.sin(a + 0.7) * s, z - 0.05),
        stock.leaf,
      ),
    );
  }
}
