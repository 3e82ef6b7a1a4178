/** @file A picture as a JPEG, for measurements that begin with a file. */
import sharp from "sharp";
import type { RgbImage } from "../base/image.js";

/** Baseline JPEG with sharp's usual sampling of colour. */
export async function encodeJpeg({ width, height, data }: RgbImage, quality = 90): Promise<Uint8Array> {
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
}
