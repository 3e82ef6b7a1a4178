/** @file Photos too thin for a scale: the scale is left out of the pyramid, and whoever knows the photo's name says so. */
import { UsageError } from "../base/errors.js";

/** The scales that leave a photo at least one pixel on each side, in the given order. */
export function fittingScales(
  { width, height }: { readonly width: number; readonly height: number },
  scales: readonly number[],
): number[] {
  return scales.filter((scale) => Math.floor(Math.min(width, height) * scale) >= 1);
}

/** The same. @throws UsageError (NoScale) when none is left */
export function requireScales(
  image: { readonly width: number; readonly height: number },
  scales: readonly number[],
): number[] {
  const fitting = fittingScales(image, scales);
  if (fitting.length > 0) return fitting;
  const size = `${image.width} × ${image.height}`;
  throw new UsageError(
    "NoScale",
    `a photo of ${size} pixels (as resized) is too thin for all scales (${scales.join(", ")})`,
  );
}
