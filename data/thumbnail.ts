/** @file A photo small enough to be shown in a page. */
import sharp from "sharp";
import { FileFormatError } from "../base/errors.js";
import { readRegularAsync } from "../base/regular-file.js";
import type { Size } from "./resize.js";

/** A small JPEG; `original` is the size of the photo that it shows whole. */
export interface Thumbnail extends Size {
  readonly jpeg: Uint8Array;
  readonly original: Size;
}

/**
 * Reads a photo as a JPEG whose longer side is at most `limit` pixels.
 * @throws FileFormatError when the file cannot be decoded
 */
export async function readThumbnail(file: string, limit: number, quality = 72): Promise<Thumbnail> {
  const bytes = await readRegularAsync(file, { code: "ImageMissing" });
  try {
    const image = sharp(bytes, { failOn: "none" });
    const { width, height } = await image.metadata();
    const { data, info } = await image
      .resize(limit, limit, { fit: "inside", withoutEnlargement: true })
      .toColourspace("srgb")
      .jpeg({ quality, mozjpeg: true })
      .toBuffer({ resolveWithObject: true });
    return { jpeg: data, width: info.width, height: info.height, original: { width, height } };
  } catch (cause) {
    const reason = (cause as Error).message.trim().split("\n").join("; ");
    throw new FileFormatError("MalformedFile", file, `cannot be shown: ${reason}`, { cause });
  }
}
