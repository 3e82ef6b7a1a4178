/** @file Averaging over blocks of whole pixels, the first step of a reduction by 4 or more; bit for bit Pillow's reduce(). */
import type { RgbImage } from "../../base/image.js";

/**
 * Averages blocks of fx × fy pixels: result ⌈width/fx⌉ × ⌈height/fy⌉, blocks at the right and bottom edge over the
 * pixels they have. A mean of n samples is ((Σ + ⌊n/2⌋) · ⌊2²⁴/n⌋) >> 24.
 */
export function reduceBlocks(image: RgbImage, fx: number, fy: number): RgbImage {
  const width = Math.ceil(image.width / fx);
  const height = Math.ceil(image.height / fy);
  const source = image.data;
  const stride = 3 * image.width;
  const out = new Uint8Array(3 * width * height);
  const sums = new Uint32Array(3 * width);
  let to = 0;
  for (let by = 0; by < height; by++) {
    const rows = Math.min(fy, image.height - by * fy);
    sums.fill(0);
    for (let y = by * fy; y < by * fy + rows; y++) {
      let from = y * stride;
      for (let bx = 0, s = 0; bx < width; bx++, s += 3) {
        const end = Math.min(from + 3 * fx, (y + 1) * stride);
        let r = 0;
        let g = 0;
        let b = 0;
        for (; from < end; from += 3) {
          r += source[from];
          g += source[from + 1];
          b += source[from + 2];
        }
        sums[s] += r;
        sums[s + 1] += g;
        sums[s + 2] += b;
      }
    }
    for (let i = 0; i < sums.length; i++) {
      const columns = Math.min(fx, image.width - Math.floor(i / 3) * fx);
      const n = rows * columns;
      // The product passes 32 bits but not 2⁵³, so it is exact as a float.
      out[to++] = Math.floor(((sums[i] + (n >> 1)) * Math.floor(2 ** 24 / n)) / 2 ** 24);
    }
  }
  return { width, height, data: out };
}
