/**
 * @file Variations of training photos, an addition of fire-gpu for networks that begin from nothing and see few photos:
 * another window of the photo, other brightness, contrast and saturation, and positives that are the query's own photo
 * varied once more. Draw i of a stream belongs to image i of the epoch, so a resumed run sees the same.
 */
import type { RgbImage } from "../../base/image.js";
import { bilinear, resample } from "../../data/image/resample.js";
import type { RandomStream } from "../../data/tuples/stream.js";

export interface Variation {
  /** A window whose sides are 1 − zoom to 1 of the photo's is brought to the size of training. */
  readonly zoom: number;
  /** Brightness, contrast and saturation change by factors of 1 − jitter to 1 + jitter. */
  readonly jitter: number;
  /** How probable it is that the positive is the query's own photo. */
  readonly same_prob: number;
}

/** Draws an image takes. */
const DRAWS = 6;

/** Longer side at which photos are loaded, so that the smallest window still has the detail of the training's size. */
export function loadedSize(imageSize: number, { zoom }: Variation): number {
  return Math.ceil(imageSize / (1 - zoom));
}

/** In tuples of `width` images from the `first` on, some positives become the query itself. */
export function withSamePositives(
  images: readonly number[],
  width: number,
  first: number,
  { same_prob }: Variation,
  stream: RandomStream,
): number[] {
  const varied = [...images];
  for (let t = 0; t * width < varied.length; t++)
    if (stream.at(first + t) < same_prob) varied[t * width + 1] = varied[t * width];
  return varied;
}

/** Image `index` of the epoch as the training sees it. @param imageSize limit of its longer side */
export function varied(
  image: RgbImage,
  imageSize: number,
  { zoom, jitter }: Variation,
  index: number,
  stream: RandomStream,
): RgbImage {
  const draw = (k: number) => stream.at(index * DRAWS + k);
  let out = image;
  if (zoom > 0) {
    const shrink = Math.min(1, imageSize / Math.max(image.width, image.height));
    const side = 1 - zoom * draw(0);
    const [w, h] = [image.width * side, image.height * side];
    const [x, y] = [(image.width - w) * draw(1), (image.height - h) * draw(2)];
    const size = [image.width, image.height].map((s) => Math.max(1, Math.round(s * shrink)));
    out = resample(image, size[0], size[1], bilinear, [x, y, x + w, y + h]);
  }
  if (jitter === 0) return out;
  const factor = (k: number) => 1 + jitter * (2 * draw(k) - 1);
  return recoloured(out, factor(3), factor(4), factor(5));
}

/** Saturation about each pixel's grey, contrast about the mean grey, then brightness; Rec. 601 weights as Pillow has them. */
function recoloured(image: RgbImage, brightness: number, contrast: number, saturation: number): RgbImage {
  const { width, height, data } = image;
  const grey = (i: number) => 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
  let mean = 0;
  for (let i = 0; i < data.length; i += 3) mean += grey(i);
  mean /= data.length / 3;
  const out = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const g = grey(i);
    for (let c = 0; c < 3; c++)
      out[i + c] = brightness * (mean + contrast * (g + saturation * (data[i + c] - g) - mean));
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}
