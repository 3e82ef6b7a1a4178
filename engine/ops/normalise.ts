/** @file Photo bytes to normalised floats: (v/255 − mean)/std, NHWC with a zero fourth channel (fire.md §2). */
import { expect, type Op, size } from "../op.js";
import { rowStrips, windowOf } from "../windows.js";
import { groupsFor } from "./launch.js";

export interface NormaliseAttrs {
  readonly height: number;
  readonly width: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export const normalise: Op<NormaliseAttrs> = {
  name: "normalise",
  inputs: ["bytes [3·H·W] u8"],
  shape(a, [bytes]) {
    expect(size(bytes) === 3 * a.height * a.width, "normalise", "bytes", 3 * a.height * a.width, size(bytes));
    return [1, a.height, a.width, 4];
  },
  forward(device, [bytes], a, output) {
    const pixels = a.height * a.width;
    const quads = Math.ceil(pixels / 4);
    // strips of four pixels: the kernel's unit
    const strips = rowStrips(device, {
      outRows: quads,
      outRowBytes: 64,
      inRows: quads,
      inRowBytes: 12,
      needs: (first, end) => [first, end],
    });
    for (const s of strips) {
      const end = Math.min(pixels, s.out1 * 4);
      const out = windowOf(device, output, s.out0 * 16, end * 4);
      const floats = (v: readonly number[]) => [0, 1, 2].map((i) => ({ f32: v[i] }));
      device.dispatch({
        shader: "image/normalise.wgsl",
        constants: {},
        reads: [bytes],
        writes: [out.window],
        params: [end, out.shift / 4, s.out0 * 4, 0, ...floats(a.mean), 0, ...floats(a.std), 0],
        groups: groupsFor(s.out1 - s.out0),
        label: `normalise/${a.height}x${a.width}`,
        cost: this.cost(a, [bytes.shape], [1, 1, end - s.out0 * 4, 4]),
      });
    }
  },
  reference([bytes], a) {
    const out = new Float64Array(a.height * a.width * 4);
    for (let i = 0; i < a.height * a.width; i++)
      for (let c = 0; c < 3; c++) out[i * 4 + c] = (bytes.data[i * 3 + c] / 255 - a.mean[c]) / a.std[c];
    return out;
  },
  gradient: { nonDifferentiable: "its input is a photo's bytes" },
  cost: (_a, _in, output) => ({ flops: 1.5 * size(output), bytes: 4.75 * size(output) }),
};
