/** @file A photo: decoded, or already normalised. */
import { checkArgument, whole } from "./check.js";
import { UsageError } from "./errors.js";

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

/**
 * @param name of the function that was given the image, for the message
 * @throws UsageError unless the data are as many as width and height say, of one of the two types
 */
export function checkImage(name: string, image: ImageInput): void {
  const { width, height, data } = (image ?? {}) as ImageInput;
  checkArgument(`${name}: image.width`, width, whole(1));
  checkArgument(`${name}: image.height`, height, whole(1));
  const normalised = data instanceof Float32Array;
  if (!normalised && !(data instanceof Uint8Array || (data as unknown) instanceof Uint8ClampedArray))
    checkArgument(`${name}: image.data`, data, {
      expected: "a Uint8Array of RGB, or a Float32Array of four values a pixel",
      fits: () => false,
    });
  const values = (normalised ? 4 : 3) * width * height;
  if (data.length === values) return;
  const form = normalised ? "four a pixel" : "RGB, three a pixel";
  throw new UsageError(
    "PixelCount",
    `${name}: image.data — expected ${values} ${normalised ? "values" : "bytes"} for ${width} × ${height} (${form}), got ${data.length}`,
  );
}
