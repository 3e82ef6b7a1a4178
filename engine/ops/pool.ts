/** @file Pooling: the ResNet stem's maximum, and HOW's smoothing mean that does not count the padding (how.md §1). */
import { expect, type Op, size } from "../op.js";
import { rowStrips, seenRows, windowOf } from "../windows.js";
import { groupsFor } from "./launch.js";

export interface PoolAttrs {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Output sizes are rounded up: the last windows are cut off at the border (SqueezeNet). Default: down. */
  readonly ceil?: boolean;
}

const KIND = { maxPool: 0, averagePool: 1 } as const;

function pooling(name: keyof typeof KIND): Op<PoolAttrs> {
  return {
    name,
    inputs: ["input [N,H,W,C]"],
    shape(a, [x]) {
      expect(x.length === 4 && x[3] % 4 === 0, name, "input", "[N, H, W, C] with C a multiple of 4", x);
      expect(a.padding * 2 <= a.kernel, name, "padding", `at most half of ${a.kernel}`, a.padding);
      const side = (n: number) => {
        const steps = (n + 2 * a.padding - a.kernel) / a.stride;
        if (!a.ceil) return Math.floor(steps) + 1;
        // no window begins behind the map (torch)
        return Math.min(Math.ceil(steps), Math.floor((n + a.padding - 1) / a.stride)) + 1;
      };
      return [x[0], side(x[1]), side(x[2]), x[3]];
    },
    forward(device, [x], a, output) {
      const [N, H, W, C] = x.shape;
      const [, OH, OW] = output.shape;
      const strips = rowStrips(device, {
        outRows: N * OH,
        outRowBytes: OW * C * 4,
        inRows: N * H,
        inRowBytes: W * C * 4,
        needs: seenRows({ H, OH, stride: a.stride, padding: a.padding, reach: a.kernel }),
      });
      for (const s of strips) {
        const input = windowOf(device, x, s.in0 * W * C, s.in1 * W * C);
        const out = windowOf(device, output, s.out0 * OW * C, s.out1 * OW * C);
        const c4 = C / 4;
        device.dispatch({
          shader: "pool/pool.wgsl",
          constants: { KIND: KIND[name] },
          reads: [input.window],
          writes: [out.window],
          // biome-ignore format: one line for each line of the WGSL struct
          params: [H, W, c4, OH, OW, a.kernel, a.stride, a.padding, s.out0 * OW * c4, s.out1 * OW * c4, input.shift / 4, out.shift / 4],
          groups: groupsFor((s.out1 - s.out0) * OW * c4),
          label: `${name}/${a.kernel}s${a.stride}/${H}x${W}x${C}`,
          cost: this.cost(a, [[1, s.in1 - s.in0, W, C]], [1, s.out1 - s.out0, OW, C]),
        });
      }
    },
    reference([x], a) {
      const out = this.shape(a, [x.shape]);
      const [N, H, W, C] = x.shape;
      const y = new Float64Array(size(out));
      let at = 0;
      for (let n = 0; n < N; n++)
        for (let oy = 0; oy < out[1]; oy++)
          for (let ox = 0; ox < out[2]; ox++)
            for (let c = 0; c < C; c++) {
              const cells: number[] = [];
              for (let ky = 0; ky < a.kernel; ky++)
                for (let kx = 0; kx < a.kernel; kx++) {
                  const iy = oy * a.stride - a.padding + ky;
                  const ix = ox * a.stride - a.padding + kx;
                  if (iy >= 0 && iy < H && ix >= 0 && ix < W) cells.push(x.data[((n * H + iy) * W + ix) * C + c]);
                }
              y[at++] = name === "maxPool" ? Math.max(...cells) : cells.reduce((s, v) => s + v, 0) / cells.length;
            }
      return y;
    },
    gradient({ device, attrs: a, inputs: [x], output, outputGradient }) {
      const [, H, W, C] = x.shape;
      const [, OH, OW] = this.shape(a, [x.shape]);
      const sizes = [H, W, C / 4, OH, OW, a.kernel, a.stride, a.padding];
      const gradient = device.empty(x.shape, "f32", `${name} gradient`);
      const reads = [outputGradient];
      if (name === "maxPool") {
        const cells = device.empty(output.shape, "u32", "cells of maxima");
        device.dispatch({
          shader: "pool/first_largest.wgsl",
          constants: {},
          reads: [x],
          writes: [cells],
          params: [...sizes, cells.elements / 4],
          groups: groupsFor(cells.elements / 4),
          label: `firstLargest/${H}x${W}x${C}`,
          cost: { flops: a.kernel ** 2 * cells.elements, bytes: 4 * (x.elements + cells.elements) },
        });
        reads.push(cells);
      }
      const count = gradient.elements / 4;
      device.dispatch({
        shader: "pool/pool_gradient.wgsl",
        constants: { KIND: KIND[name] },
        reads,
        writes: [gradient],
        params: [...sizes, count],
        groups: groupsFor(count),
        label: `${name}Gradient/${H}x${W}x${C}`,
        cost: { flops: 9 * count, bytes: 4 * (2 * gradient.elements + output.elements) },
      });
      return [gradient];
    },
    cost: (a, [x], output) => ({ flops: a.kernel ** 2 * size(output), bytes: 4 * (size(x) + size(output)) }),
  };
}

export const maxPool = pooling("maxPool");
export const averagePool = pooling("averagePool");
