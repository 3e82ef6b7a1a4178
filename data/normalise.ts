/** @file RGB8 to the float planes that a network sees: value / 255, minus mean, divided by standard deviation. */
import type { RgbImage } from "../base/image.js";
import { f32Tensor, type HostTensor } from "../base/tensor.js";

/** Means and standard deviations of R, G, B on the scale 0…1. */
export interface MeanStd {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** The statistics of ImageNet that all networks here are trained with. */
export const imagenetMeanStd: MeanStd = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * The 3 × 256 values that samples map to, row c for channel c; each step rounded to float32 as torchvision's ToTensor
 * and Normalize do.
 */
export function normalisationTable({ mean, std }: MeanStd): Float32Array {
  const f = Math.fround;
  const table = new Float32Array(768);
  for (let c = 0; c < 3; c++)
    for (let v = 0; v < 256; v++) table[256 * c + v] = f(f(f(v / 255) - f(mean[c])) / f(std[c]));
  return table;
}

/** Planar float32 tensor [3, H, W] of an image. */
export function normalise(image: RgbImage, meanStd: MeanStd = imagenetMeanStd): HostTensor & { data: Float32Array } {
  const table = normalisationTable(meanStd);
  const plane = image.width * image.height;
  const out = new Float32Array(3 * plane);
  for (let p = 0, from = 0; p < plane; p++, from += 3) {
    out[p] = table[image.data[from]];
    out[plane + p] = table[256 + image.data[from + 1]];
    out[2 * plane + p] = table[512 + image.data[from + 2]];
  }
  return f32Tensor([3, image.height, image.width], out);
}
