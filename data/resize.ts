/** @file The size and crop rules of the reference's image loading (datasets.md section 4, cirtorch.md section 7). */
import { UsageError } from "../base/errors.js";
import { checkImage, type RgbImage } from "../base/image.js";
import { reduceBlocks } from "./image/reduce.js";
import { bilinear, lanczos, resample } from "./image/resample.js";

/** x1, y1, x2, y2 in pixels of the whole image, fractions and coordinates outside of it allowed. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The size of Pillow's thumbnail((limit, limit)): the given size when both sides fit into ⌊limit⌋ (never enlarged), else
 * the longer side becomes ⌊limit⌋ and the other one whichever neighbouring integer keeps the aspect best, at least 1.
 */
export function thumbnailSize({ width, height }: Size, limit: number): Size {
  const m = Math.floor(limit);
  if (!(m >= 1)) throw new UsageError("ImageSize", `data: expected an image size of at least 1 pixel, got ${limit}`);
  if (m >= width && m >= height) return { width, height };
  const aspect = width / height;
  if (aspect <= 1) return { width: nearestAspect(m * aspect, (w) => Math.abs(aspect - w / m)), height: m };
  // A candidate of 0 counts as perfect in the reference, and is then raised to 1.
  return { width: m, height: nearestAspect(m / aspect, (h) => (h === 0 ? 0 : Math.abs(aspect - m / h))) };
}

/** ⌊side⌋ or ⌈side⌉, whichever has the smaller error, the floor on a tie; at least 1. */
function nearestAspect(side: number, error: (candidate: number) => number): number {
  const low = Math.floor(side);
  const high = Math.ceil(side);
  return Math.max(1, error(low) <= error(high) ? low : high);
}

/**
 * Pillow's thumbnail with Lanczos (`reducing_gap` 2, the default since Pillow 7): integer box averages first when a side
 * shrinks by 4 or more, then Lanczos over the remaining, perhaps fractional, window. Never enlarges; an image that fits
 * is returned as it is, not copied.
 */
export function thumbnail(image: RgbImage, limit: number): RgbImage {
  checkImage("thumbnail", image);
  const { width, height } = thumbnailSize(image, limit);
  if (width === image.width && height === image.height) return image;
  const fx = Math.max(1, Math.trunc(image.width / width / 2));
  const fy = Math.max(1, Math.trunc(image.height / height / 2));
  if (fx === 1 && fy === 1) return resample(image, width, height, lanczos);
  const window = [0, 0, image.width / fx, image.height / fy] as const;
  return resample(reduceBlocks(image, fx, fy), width, height, lanczos, window);
}

/** Python's round(): half to even. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * Cuts a box out; each corner is rounded half to even by itself, what lies outside the image is black.
 * @throws UsageError for a box without area or with a coordinate that is not a number.
 */
export function crop(image: RgbImage, box: Box): RgbImage {
  const [x1, y1, x2, y2] = box.map(roundHalfEven);
  const width = x2 - x1;
  const height = y2 - y1;
  if (!(width > 0 && height > 0))
    throw new UsageError("EmptyBox", `data: expected a box x1 < x2, y1 < y2 of whole pixels, got [${box.join(", ")}]`);
  const data = new Uint8Array(3 * width * height);
  const from = Math.max(x1, 0);
  const to = Math.min(x2, image.width);
  for (let y = Math.max(y1, 0); y < Math.min(y2, image.height) && from < to; y++) {
    const row = 3 * image.width * y;
    data.set(image.data.subarray(row + 3 * from, row + 3 * to), 3 * (width * (y - y1) + from - x1));
  }
  return { width, height, data };
}

/** A box may be so many times as wide and high as its image: beyond it is a mistake, and would cost that much memory. */
const LARGEST_BOX = 2;

/**
 * Makes sure that a query box shows a part of its image; one that reaches out a little is completed with black, as the
 * reference does.
 * @param where what the message begins with: the photo, the query
 * @throws UsageError EmptyBox without area; BoxOutside when no pixel lies in the image, or when the box is more than twice
 *   as wide or high as the image
 */
export function requireBox({ width, height }: Size, box: Box, where: string): void {
  const [x1, y1, x2, y2] = box.map(roundHalfEven);
  const shown = `box [${box.join(", ")}]`;
  if (!(x2 - x1 > 0 && y2 - y1 > 0))
    throw new UsageError("EmptyBox", `${where}: expected a box x1 < x2, y1 < y2 of whole pixels, got ${shown}`);
  const image = `the photo of ${width} × ${height} pixels`;
  if (x1 >= width || y1 >= height || x2 <= 0 || y2 <= 0)
    throw new UsageError("BoxOutside", `${where}: ${shown} lies outside ${image}`);
  if (x2 - x1 > LARGEST_BOX * width || y2 - y1 > LARGEST_BOX * height)
    throw new UsageError("BoxOutside", `${where}: ${shown} is more than ${LARGEST_BOX} times as large as ${image}`);
}

/**
 * An image as the networks get it: whole, longer side at most `imageSize`; or, with a box, the crop, shrunk by the same
 * factor as its whole image would be: limit imageSize · max(crop side) / max(image side).
 * @throws as {@link requireBox}
 */
export function prepareImage(image: RgbImage, imageSize: number, box: Box | null = null): RgbImage {
  if (!box) return thumbnail(image, imageSize);
  requireBox(image, box, "data");
  const part = crop(image, box);
  const limit = (imageSize * Math.max(part.width, part.height)) / Math.max(image.width, image.height);
  return thumbnail(part, Math.max(1, limit));
}

/**
 * SOLAR's training resize (torchvision's Resize with an integer): the shorter side becomes `side`, the other one
 * ⌊side · long / short⌋; antialiased bilinear; enlarges too.
 */
export function resizeShorterSide(image: RgbImage, side: number): RgbImage {
  const { width, height } = image;
  const other = Math.trunc((side * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? resample(image, side, other, bilinear) : resample(image, other, side, bilinear);
}
