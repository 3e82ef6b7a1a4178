/** @file Pillow's conversions to RGB8 for the sample layouts that the decoder hands over unconverted. */

/**
 * CMYK (4 bytes a pixel, 0 = no ink) to RGB: n = 255 − K, R = n − C·n/255 rounded as Pillow rounds, likewise G and B.
 * No profile is involved.
 */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const pixels = cmyk.length >> 2;
  const rgb = new Uint8Array(3 * pixels);
  for (let p = 0, from = 0, to = 0; p < pixels; p++, from += 4, to += 3) {
    const n = 255 - cmyk[from + 3];
    rgb[to] = n - divideBy255(cmyk[from] * n);
    rgb[to + 1] = n - divideBy255(cmyk[from + 1] * n);
    rgb[to + 2] = n - divideBy255(cmyk[from + 2] * n);
  }
  return rgb;
}

/** Pillow's MULDIV255: v / 255 to the nearest integer for 0 ≤ v ≤ 255². */
function divideBy255(v: number): number {
  const t = v + 128;
  return ((t >> 8) + t) >> 8;
}

/** One byte a pixel to three equal ones. */
export function greyToRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(3 * grey.length);
  for (let p = 0, to = 0; p < grey.length; p++, to += 3) rgb[to] = rgb[to + 1] = rgb[to + 2] = grey[p];
  return rgb;
}

/** 16-bit grey to RGB: values above 255 become white, since Pillow converts through "I" and clips. */
export function grey16ToRgb(grey: Uint16Array): Uint8Array {
  return greyToRgb(Uint8Array.from(grey, (v) => Math.min(v, 255)));
}

/** Drops the last of `channels` (2: grey + alpha, 4: RGB + alpha) without compositing, as Pillow's convert("RGB"). */
export function dropAlpha(data: Uint8Array, channels: number): Uint8Array {
  const keep = channels - 1;
  const pixels = data.length / channels;
  const out = new Uint8Array(keep * pixels);
  for (let p = 0, from = 0, to = 0; p < pixels; p++, from += channels)
    for (let c = 0; c < keep; c++) out[to++] = data[from + c];
  return out;
}
