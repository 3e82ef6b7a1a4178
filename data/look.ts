/** @file A look at photos before the long work: what shows without decoding them. */
import { readHeadAsync } from "../base/regular-file.js";
import { readImageSize, requireFormat } from "./decode.js";
import { type ImageError, imageErrorFrom } from "./image-job.js";
import { type Box, requireBox } from "./resize.js";

/** Enough for every kind to be told (image/other-kinds.ts). */
const HEAD = 256;

/**
 * Opens a photo, tells its kind by its first bytes, and with a box makes sure that it shows a part of the photo.
 * @returns why it cannot be used; null when nothing speaks against it
 */
export async function lookAtPhoto(path: string, box: Box | null): Promise<ImageError | null> {
  try {
    if (box) requireBox(await readImageSize(path), box, path);
    else requireFormat(await readHeadAsync(path, HEAD, { code: "ImageMissing" }), path);
    return null;
  } catch (cause) {
    return imageErrorFrom(path, cause);
  }
}
