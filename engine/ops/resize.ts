/**
 * @file Bilinear rescale without antialiasing, half-pixel centres. FIRe takes source coordinates from the given scale,
 * HOW from the true ratio of sizes (fire.md §1.5); both are told by `ratio`, the source step of one output pixel.
 */
import type { Device } from "../device.js";
import { expect, type Op, run, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { rowStrips, windowOf } from "../windows.js";
import { groupsFor } from "./launch.js";

export interface ResizeAttrs {
  readonly height: number;
  readonly width: number;
}

/**
 * Where each output index reads along one axis: pairs (lower index, weight of the upper neighbour), computed in float64:
 * src = max(0, (i + 0.5)·ratio − 0.5).
 */
export function axisTable(outSize: number, inSize: number, ratio: number): Float32Array {
  const table = new Float32Array(outSize * 2);
  for (let i = 0; i < outSize; i++) {
    const at = Math.max(0, (i + 0.5) * ratio - 0.5);
    const lower = Math.min(Math.floor(at), inSize - 1);
    table[2 * i] = lower;
    table[2 * i + 1] = Math.min(1, at - lower);
  }
  return table;
}

/** The op under `rescale`: inputs image [1,H,W,4] and the tables of rows [outH,2] and columns [outW,2]. */
export const resize: Op<ResizeAttrs> = {
  name: "resize",
  inputs: ["image [1,H,W,4]", "rows [outH,2]", "columns [outW,2]"],
  shape(a, [x, rows, columns]) {
    expect(x.length === 4 && x[0] === 1 && x[3] === 4, "resize", "image", "[1, H, W, 4]", x);
    expect(
      rows[0] === a.height && columns[0] === a.width,
      "resize",
      "tables",
      [a.height, a.width],
      [rows[0], columns[0]],
    );
    return [1, a.height, a.width, 4];
  },
  forward(device, [x, rows, columns], a, output) {
    const [, H, W] = x.shape;
    // without the tables' values here, a strip's input range is bounded by the true ratio and a margin for the given one
    const step = H / a.height;
    const strips = rowStrips(device, {
      outRows: a.height,
      outRowBytes: a.width * 16,
      inRows: H,
      inRowBytes: W * 16,
      needs: (first, end) => [Math.floor(first * step) - 8, Math.ceil(end * step) + 8],
    });
    for (const s of strips) {
      const input = windowOf(device, x, s.in0 * W * 4, s.in1 * W * 4);
      const out = windowOf(device, output, s.out0 * a.width * 4, s.out1 * a.width * 4);
      const count = (s.out1 - s.out0) * a.width;
      device.dispatch({
        shader: "image/resize.wgsl",
        constants: {},
        reads: [input.window, rows, columns],
        writes: [out.window],
        params: [H, W, a.width, s.out0 * a.width, s.out1 * a.width, input.shift / 4, out.shift / 4],
        groups: groupsFor(count),
        label: `resize/${H}x${W}>${a.height}x${a.width}`,
        cost: { flops: 12 * count * 4, bytes: 32 * count },
      });
    }
  },
  reference([x, rows, columns], a) {
    const [, H, W] = x.shape;
    const out = new Float64Array(a.height * a.width * 4);
    for (let i = 0; i < a.height; i++)
      for (let j = 0; j < a.width; j++)
        for (let c = 0; c < 4; c++) {
          const [y0, fy, x0, fx] = [
            rows.data[2 * i],
            rows.data[2 * i + 1],
            columns.data[2 * j],
            columns.data[2 * j + 1],
          ];
          const at = (y: number, z: number) => x.data[(Math.min(y, H - 1) * W + Math.min(z, W - 1)) * 4 + c];
          const top = at(y0, x0) * (1 - fx) + at(y0, x0 + 1) * fx;
          const bottom = at(y0 + 1, x0) * (1 - fx) + at(y0 + 1, x0 + 1) * fx;
          out[(i * a.width + j) * 4 + c] = top * (1 - fy) + bottom * fy;
        }
    return out;
  },
  gradient: { nonDifferentiable: "its input is the image, which is never learned" },
  cost: (_a, [x], output) => ({ flops: 12 * size(output), bytes: 4 * (size(x) + size(output)) }),
};

/** How a network finds source coordinates: from the scale it was given (FIRe, cirtorch, SOLAR) or from the sizes (HOW). */
export type ResizeConvention = "given-scale" | "true-ratio";

/** Rescales an image tensor [1,H,W,4] by `scale` to floor(side · scale); scale 1 is the image itself (not a copy). */
export function rescale(device: Device, image: Tensor, scale: number, convention: ResizeConvention): Tensor {
  if (scale === 1) return image;
  const [, H, W] = image.shape;
  const height = Math.floor(H * scale);
  const width = Math.floor(W * scale);
  expect(height > 0 && width > 0, "rescale", `scale ${scale} of ${H}×${W}`, "at least one pixel", [height, width]);
  const table = (out: number, side: number) =>
    device.upload(
      axisTable(out, side, convention === "given-scale" ? 1 / scale : side / out),
      [out, 2],
      "resize table",
    );
  return run(device, resize, [image, table(height, H), table(width, W)], { height, width });
}
