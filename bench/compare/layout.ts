/** @file Layouts of the engines: NHWC or NCHW activations, OIHW or HWIO weights. */

/** [h, w, c] → [c, h, w]. */
export function toChannelsFirst(x: Float32Array, channels: number): Float32Array {
  return transpose(x, x.length / channels, channels);
}

/** [c, h, w] → [h, w, c]. */
export function toChannelsLast(x: Float32Array, channels: number): Float32Array {
  return transpose(x, channels, x.length / channels);
}

/** [O, I, k, k] → [k, k, I, O]. */
export function toHwio(weight: Float32Array, inChannels: number, outChannels: number): Float32Array {
  const taps = weight.length / inChannels / outChannels;
  const y = new Float32Array(weight.length);
  for (let o = 0, at = 0; o < outChannels; o++)
    for (let i = 0; i < inChannels; i++)
      for (let t = 0; t < taps; t++, at++) y[(t * inChannels + i) * outChannels + o] = weight[at];
  return y;
}

/** [rows, columns] → [columns, rows]. */
export function transpose(x: Float32Array, rows: number, columns: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) y[c * rows + r] = x[r * columns + c];
  return y;
}
