/**
 * @file CPU twin of the multi-scale input: torch's bilinear interpolate (align_corners false, no antialias) in float32,
 * in the two conventions that the networks were trained and evaluated with. They differ by up to 80 % of the value.
 */
import { UsageError } from "../base/errors.js";
import { f32Tensor, type HostTensor } from "../base/tensor.js";

/**
 * Where an output sample lies in the input, given scale s and sizes n → ⌊n·s⌋:
 * "fire" (also cirtorch and SOLAR): (i + ½) / s − ½ with the given scale;
 * "how": (i + ½) · n / ⌊n·s⌋ − ½ with the ratio recomputed from the sizes.
 */
export type ScaleConvention = "fire" | "how";

/** ⌊n·s⌋. @throws UsageError when nothing is left. */
export function scaledSide(n: number, scale: number): number {
  const side = Math.floor(n * scale);
  if (!(side >= 1))
    throw new UsageError("ScaleTooSmall", `data: scale ${scale} leaves nothing of a side of ${n} pixels`);
  return side;
}

/** [C, H, W] float32 to [C, ⌊H·s⌋, ⌊W·s⌋]. */
export function scaleBilinear(
  input: HostTensor & { data: Float32Array },
  scale: number,
  convention: ScaleConvention,
): HostTensor & { data: Float32Array } {
  const [channels, height, width] = input.shape;
  const outHeight = scaledSide(height, scale);
  const outWidth = scaledSide(width, scale);
  const ys = axis(height, outHeight, scale, convention);
  const xs = axis(width, outWidth, scale, convention);
  const f = Math.fround;
  const out = new Float32Array(channels * outHeight * outWidth);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    const plane = input.data.subarray(c * height * width, (c + 1) * height * width);
    for (let y = 0; y < outHeight; y++) {
      const top = ys.low[y] * width;
      const bottom = ys.high[y] * width;
      const v = ys.weight[y];
      const u = f(1 - v);
      for (let x = 0; x < outWidth; x++) {
        const left = xs.low[x];
        const right = xs.high[x];
        const w = xs.weight[x];
        const z = f(1 - w);
        const a = f(f(plane[top + left] * z) + f(plane[top + right] * w));
        const b = f(f(plane[bottom + left] * z) + f(plane[bottom + right] * w));
        out[to++] = f(f(a * u) + f(b * v));
      }
    }
  }
  return f32Tensor([channels, outHeight, outWidth], out);
}

/** Both neighbours and the weight of the upper one, in float32 like torch's kernel; edges repeat. */
function axis(size: number, outputs: number, scale: number, convention: ScaleConvention) {
  const f = Math.fround;
  const ratio = convention === "fire" ? f(1 / scale) : f(f(size) / f(outputs));
  const low = new Int32Array(outputs);
  const high = new Int32Array(outputs);
  const weight = new Float32Array(outputs);
  for (let i = 0; i < outputs; i++) {
    const at = Math.max(0, f(f(ratio * f(i + 0.5)) - 0.5));
    low[i] = Math.min(Math.floor(at), size - 1);
    high[i] = Math.min(low[i] + 1, size - 1);
    weight[i] = Math.min(Math.max(f(at - low[i]), 0), 1);
  }
  return { low, high, weight };
}
