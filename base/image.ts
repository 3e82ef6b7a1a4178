/** @file A decoded photo. */

/** 8-bit RGB, interleaved, row-major, no padding: `data.length === 3 * width * height`. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
