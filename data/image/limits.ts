/** @file How large a picture may be, and how much a small file may claim: checked before anything is allocated. */
import { FileFormatError, UsageError } from "../../base/errors.js";

/** Pillow refuses pictures of more pixels (twice its MAX_IMAGE_PIXELS), so the reference systems do. */
const DEFAULT_MAX_PIXELS = 178_956_970;

/** A picture of so many pixels costs little, whatever its file. */
const FREE_PIXELS = 2 ** 24;

/**
 * Most pixels of 8 bits that a byte of a photo file stands for: deflate packs a run 1032 times, and a JPEG spends two
 * bits or more on 64 pixels.
 */
const PIXELS_PER_BYTE = 1032;

/** A file that claims more is not a photo: it is refused before it is read. */
export const MAX_PHOTO_BYTES = 2 ** 30;

/** The limit in pixels: $FIRE_GPU_MAX_PIXELS, else Pillow's. @throws UsageError when it is no whole number */
export function maxPixels(): number {
  const set = process.env.FIRE_GPU_MAX_PIXELS;
  if (!set) return DEFAULT_MAX_PIXELS;
  const value = Number(set);
  if (!(Number.isSafeInteger(value) && value >= 1))
    throw new UsageError("MaxPixels", `FIRE_GPU_MAX_PIXELS: expected a number of pixels, got ${JSON.stringify(set)}`);
  return value;
}

/**
 * Refuses a size that is beyond the limit, or that so short a file cannot hold.
 * @param bitsPerPixel as stored; fewer than 8 let a byte stand for more pixels
 * @throws FileFormatError UnsupportedFeature (the limit), Truncated (the claim)
 */
export function requireSize(width: number, height: number, bitsPerPixel: number, fileBytes: number, file: string) {
  const pixels = width * height;
  const limit = maxPixels();
  if (pixels > limit)
    throw new FileFormatError(
      "UnsupportedFeature",
      file,
      `${width} × ${height} pixels; at most ${limit} are read (FIRE_GPU_MAX_PIXELS changes that)`,
    );
  const held = fileBytes * PIXELS_PER_BYTE * Math.max(1, 8 / bitsPerPixel);
  if (pixels > FREE_PIXELS && pixels > held)
    throw new FileFormatError(
      "Truncated",
      file,
      `claims ${width} × ${height} pixels, of which a file of ${fileBytes} bytes can hold only a small part`,
    );
}

/** Up to so many bytes of samples are completed however little of them came. */
const SMALL_BYTES = 2 ** 24;

/** Beyond that one part in so many has to be there. */
const LEAST_PART = 16;

/**
 * Refuses to complete a file that ends too early when almost nothing of the picture is there: it would be a black photo.
 * @param came bytes of samples that are there, of `total`; `least` are needed in any case
 * @throws FileFormatError Truncated
 */
export function requirePart(
  format: string,
  width: number,
  height: number,
  came: number,
  least: number,
  total: number,
  file: string,
): void {
  if (came >= least && (total <= SMALL_BYTES || came >= total / LEAST_PART)) return;
  const share = ((100 * came) / total).toPrecision(2);
  throw new FileFormatError(
    "Truncated",
    file,
    `this ${format} of ${width} × ${height} pixels ends after ${share} % of them`,
  );
}
