/** @file The grid of regions of R-MAC and regional pooling: the reference's figures, and what holds for every size. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Region } from "../../engine/ops/regions.js";
import { regionGrid } from "../../nets/region-grid.js";

const test = suite("region grid");

const sides = (grid: readonly Region[]) => [...new Set(grid.map((r) => r.h))];
const starts = (grid: readonly Region[], side: number, axis: "x0" | "y0") => [
  ...new Set(grid.filter((r) => r.h === side).map((r) => r[axis])),
];

test("the region grid has the reference's figures", () => {
  const square = regionGrid(32, 32);
  assert.is(square.length, 14);
  assert.equal(sides(square), [32, 21, 16]);
  assert.equal(
    sides(square).map((s) => starts(square, s, "x0")),
    [[0], [0, 11], [0, 8, 16]],
  );
  const wide = regionGrid(24, 32);
  assert.is(wide.length + 1, 21);
  assert.equal(sides(wide), [24, 16, 12]);
  assert.equal(
    sides(wide).map((s) => starts(wide, s, "x0")),
    [
      [0, 8],
      [0, 8, 16],
      [0, 6, 13, 20],
    ],
  );
  assert.equal(
    sides(wide).map((s) => starts(wide, s, "y0")),
    [[0], [0, 8], [0, 6, 12]],
  );
  assert.is(regionGrid(10, 32).length + 1, 39);
  // rows outer
  assert.equal(
    wide.slice(2, 6).map((r) => [r.y0, r.x0]),
    [
      [0, 0],
      [0, 8],
      [0, 16],
      [8, 0],
    ],
  );
});

test("regions lie inside maps of any size, and lie transposed on a transposed map", () => {
  for (let H = 1; H <= 40; H++)
    for (let W = 1; W <= 40; W++) {
      const grid = regionGrid(H, W);
      assert.ok(grid.length >= 1, `${H}x${W}`);
      for (const { y0, x0, h, w } of grid)
        assert.ok(y0 >= 0 && x0 >= 0 && h === w && y0 + h <= H && x0 + w <= W, `${H}x${W}: ${[y0, x0, h, w]}`);
      const key = (y: number, x: number, side: number) => `${side}/${y},${x}`;
      const turned = regionGrid(W, H).map((r) => key(r.x0, r.y0, r.h));
      assert.equal(turned.sort(), grid.map((r) => key(r.y0, r.x0, r.h)).sort(), `${H}x${W}`);
    }
});

test.run();
