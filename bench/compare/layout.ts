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

/** [k, k, I, O] → [O, I, k, k]. */
export function toOihw(weight: Float32Array, inChannels: number, outChannels: number): Float32Array {
  const taps = weight.length / inChannels / outChannels;
  const y = new Float32Array(weight.length);
  for (let o = 0, at = 0; o < outChannels; o++)
    for (let i = 0; i < inChannels; i++)
      for (let t = 0; t < taps; t++, at++) y[at] = weight[(t * inChannels + i) * outChannels + o];
  return y;
}

/** [h, w, from] → [h, w, to], zeros behind. */
export function padChannels(x: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return x;
  const y = new Float32Array((x.length / from) * to);
  for (let i = 0, at = 0; i < x.length; i++) {
    y[at++] = x[i];
    if (i % from === from - 1) at += to - from;
  }
  return y;
}

/** [rows, columns] → [columns, rows]. */
export function transpose(x: Float32Array, rows: number, columns: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) y[c * rows + r] = x[r * columns + c];
  return y;
}

/** All values in one array. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
