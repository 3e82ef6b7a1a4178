/** @file A photo small enough to be shown in a page. */
import sharp from "sharp";
import { FireGpuError } from "../base/errors.js";
import { readImage } from "./decode.js";
import type { Size } from "./resize.js";

/** A small JPEG; `original` is the size of the photo that it shows whole. */
export interface Thumbnail extends Size {
  readonly jpeg: Uint8Array;
  readonly original: Size;
}

/**
 * Reads a photo, as the networks see it, as a JPEG whose longer side is at most `limit` pixels.
 * @throws as {@link readImage}
 */
export async function readThumbnail(file: string, limit: number, quality = 72): Promise<Thumbnail> {
  const { width, height, data: pixels } = await readImage(file);
  const { data, info } = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(limit, limit, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality, mozjpeg: true })
    .toBuffer({ resolveWithObject: true });
  return { jpeg: data, width: info.width, height: info.height, original: { width, height } };
}

/** The same, and a grey square for a photo that cannot be read: a page of many photos is not lost for one of them. */
export async function readThumbnailOrGrey(file: string, limit: number): Promise<Thumbnail> {
  try {
    return await readThumbnail(file, limit);
  } catch (error) {
    if (!(error instanceof FireGpuError)) throw error;
    const size = { width: limit, height: limit };
    const jpeg = await sharp({ create: { ...size, channels: 3, background: "#888" } })
      .jpeg()
      .toBuffer();
    return { jpeg, ...size, original: size };
  }
}
