/** @file Parts that several kinds of building share: parapets on four sides, pediments, clock faces. */
import type { Builder } from "./builder.js";
import { parapet } from "./facadeTrim.js";
import type { Style } from "./style.js";

/** A parapet along the four edges of a block of w × d at height h. */
export function parapets(b: Builder, s: Style, w: number, d: number, h: number): void {
  for (const [turn, width, out] of [
    [0, w, d / 2],
    [Math.PI / 2, d, w / 2],
    [Math.PI, w, d / 2],
    [-Math.PI / 2, d, w / 2],
  ])
    b.place(0, 0, 0, turn, () => b.place(-width / 2, 0, out, 0, () => parapet(b, s, width, h)));
}

/** A triangular gable of width w at the plane z and height y, its field filled with `material`. */
export function pediment(b: Builder, s: Style, w: number, z: number, y: number, material = s.panel): void {
  const rise = w * 0.22;
  const x = w / 2 + 0.4;
  b.picture([-x, y, z - 0.3], [x, y, z - 0.3], [0, y + rise, z - 0.3], [0, y + rise, z - 0.3], material);
  for (const side of [-1, 1]) {
    b.quad(
      [side * x, y, z + 0.4],
      [0, y + rise, z + 0.4],
      [0, y + rise + 0.5, z + 0.4],
      [side * x, y + 0.5, z + 0.4],
      s.trim,
    );
    b.quad([side * x, y, z - 0.3], [0, y + rise, z - 0.3], [0, y + rise, z + 0.4], [side * x, y, z + 0.4], s.trim);
    b.quad(
      [side * x, y + 0.5, z + 0.4],
      [0, y + rise + 0.5, z + 0.4],
      [0, y + rise + 0.5, z - 3],
      [side * x, y + 0.5, z - 3],
      s.roof,
    );
  }
}

/** Clocks on the four sides of a square tower of half width z; styles with many balconies have none. */
export function clockFace(b: Builder, s: Style, z: number, y: number, r: number): void {
  if (s.balcony > 0.35) return;
  for (let i = 0; i < 4; i++)
    b.place(0, 0, 0, (i * Math.PI) / 2, () => {
      b.place(0, y, z + 0.3, 0, () => {
        b.box(-r * 1.15, r * 1.15, -r * 1.15, r * 1.15, -0.3, -0.04, s.trim, true);
        b.picture([-r, -r, 0], [r, -r, 0], [r, r, 0], [-r, r, 0], s.clock);
      });
    });
}
