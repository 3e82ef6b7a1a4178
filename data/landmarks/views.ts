/** @file Where photographers stand: overviews, angled views, details, far and back views of one landmark. */
import type { V3 } from "./builder.js";
import { type Camera, makeCamera } from "./camera.js";
import type { Extent } from "./extent.js";
import type { Rng } from "./random.js";

/** Draws one camera. `size` is the longer image side in pixels. A query shows the landmark well: no details, no far views. */
export function drawCamera(rng: Rng, extent: Extent, size: number, query = false): Camera {
  const tall = extent.height > extent.radius * 2.2;
  const format = rng.weighted({
    landscape: tall ? 0.35 : 0.62,
    portrait: tall ? 0.5 : 0.2,
    wide: tall ? 0.02 : 0.08,
    square: 0.1,
  });
  const short = Math.round(size * { landscape: 0.75, portrait: 0.75, wide: 0.6, square: 1 }[format]);
  const [width, height] = format === "portrait" ? [short, size] : [size, short];
  const shot = query
    ? rng.weighted({ overview: 0.7, angled: 0.3, detail: 0, back: 0, far: 0 })
    : rng.weighted({ overview: 0.46, angled: 0.2, detail: 0.2, back: 0.08, far: 0.06 });
  const spread = shot === "overview" ? 0.35 : shot === "angled" ? 0.75 : shot === "back" ? Math.PI : 0.5;
  const azimuth =
    shot === "back"
      ? extent.around * rng.range(-1, 1)
      : Math.max(-extent.around, Math.min(extent.around, rng.gauss() * spread));
  // How much of the frame's height or width the landmark would fill.
  const fill = {
    overview: rng.range(0.75, 1.3),
    angled: rng.range(0.8, 1.5),
    detail: rng.range(1.6, 3.4),
    back: rng.range(0.7, 1.4),
    far: rng.range(0.35, 0.6),
  }[shot];
  const fov = shot === "detail" ? rng.range(0.35, 0.75) : rng.range(0.6, 1.2);
  const focal = size / 2 / Math.tan(fov / 2);
  const extentAcross = extent.radius * 1.7;
  const needWidth = (extentAcross * focal) / (width * fill);
  const needHeight = (extent.height * focal) / (height * fill);
  const detail = shot === "detail";
  // A portrait frame of a long front, or the other way round, rarely takes all of it.
  const cropped = rng.range(0, tall ? 0.25 : 0.7);
  let distance = detail
    ? Math.min(needWidth, needHeight) + extent.radius * 0.75
    : Math.max(needWidth, needHeight) * (1 - cropped) + Math.min(needWidth, needHeight) * cropped + extent.radius * 0.5;
  distance = Math.max(distance, extent.radius * 1.15 + 3);
  distance = Math.min(distance, extent.radius * 3.4 + 28);
  const eye: V3 = [
    Math.sin(azimuth) * distance,
    rng.chance(0.12) ? rng.range(4, 14) : rng.range(1.4, 2.4),
    Math.cos(azimuth) * distance,
  ];
  const aim = detail ? rng.range(0.15, 0.8) : rng.range(0.36, 0.52);
  const side = detail ? extent.radius * 0.45 * rng.gauss() : extent.radius * 0.12 * rng.gauss();
  const reach = detail ? extent.radius * 0.5 : 0;
  const target: V3 = [
    Math.sin(azimuth) * reach + Math.cos(azimuth) * side,
    extent.height * aim,
    Math.cos(azimuth) * reach - Math.sin(azimuth) * side,
  ];
  const roll = rng.chance(0.1) ? rng.gauss() * 0.14 : rng.gauss() * 0.02;
  return makeCamera({ position: eye, target, roll, focal, width, height });
}
