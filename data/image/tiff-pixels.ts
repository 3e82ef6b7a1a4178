/** @file From what the decoder gives of a wrapped TIFF (image/tiff.ts) to the picture: tiles, chroma, orientation. */
import type { RgbImage } from "../../base/image.js";
import type { YcbcrLayout } from "./tiff.js";

/** Tiles that lie one below the other, put side by side; what sticks out at the right and below is cut off. */
export function joinTiles(stack: RgbImage, width: number, height: number, tileHeight: number): RgbImage {
  const across = Math.ceil(width / stack.width);
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / tileHeight) * across * tileHeight + (y % tileHeight);
    for (let tile = 0; tile < across; tile++) {
      const from = 3 * stack.width * (row + tile * tileHeight);
      const pixels = Math.min(stack.width, width - tile * stack.width);
      data.set(stack.data.subarray(from, from + 3 * pixels), 3 * (width * y + tile * stack.width));
    }
  }
  return { width, height, data };
}

/**
 * Y, Cb, Cr to RGB as libtiff does it, which Pillow uses: chroma is repeated, not interpolated.
 * @param samples bytes as stored: for each block of `across` × `down` pixels their Y, row by row, then Cb and Cr
 */
export function ycbcrToRgb(samples: Uint8Array, width: number, height: number, layout: YcbcrLayout): RgbImage {
  const { across, down, luma, range } = layout;
  const [red, green, blue] = luma;
  const scale = (code: number, i: number, most: number) =>
    ((code - range[2 * i]) * most) / (range[2 * i + 1] - range[2 * i]);
  const blocks = Math.ceil(width / across);
  const blockBytes = across * down + 2;
  const data = new Uint8ClampedArray(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.floor(y / down) * blocks * blockBytes + (y % down) * across;
    for (let x = 0; x < width; x++, to += 3) {
      const block = row + Math.floor(x / across) * blockBytes;
      const chroma = block - (y % down) * across + across * down;
      const light = scale(samples[block + (x % across)], 0, 255);
      const cb = scale(samples[chroma], 1, 127);
      const cr = scale(samples[chroma + 1], 2, 127);
      const r = light + cr * (2 - 2 * red);
      const b = light + cb * (2 - 2 * blue);
      data[to] = r;
      data[to + 1] = (light - red * r - blue * b) / green;
      data[to + 2] = b;
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** Turns a picture by its orientation tag, 1 (as it is) to 8. */
export function orient(image: RgbImage, orientation: number): RgbImage {
  if (orientation === 1) return image;
  const { width: w, height: h, data } = image;
  const swapped = orientation >= 5;
  const width = swapped ? h : w;
  const height = swapped ? w : h;
  const out = new Uint8Array(data.length);
  const mirrored = { x: [2, 3, 7, 8].includes(orientation), y: [3, 4, 6, 7].includes(orientation) };
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const u = swapped ? y : x;
      const v = swapped ? x : y;
      const from = 3 * ((mirrored.y ? h - 1 - v : v) * w + (mirrored.x ? w - 1 - u : u));
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    }
  }
  return { width, height, data: out };
}
