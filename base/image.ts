/** @file A photo: decoded, or already normalised. */

/** 8-bit RGB, interleaved, row-major, no padding: `data.length === 3 * width * height`. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** (v/255 − mean)/std, row-major, four floats a pixel of which the fourth is zero. */
export interface NormalisedImage {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export type ImageInput = RgbImage | NormalisedImage;
