/** @file Right operands of convolutions and products, re-laid in panels of 32 columns (shaders/conv/pack.wgsl). */
import { expect, type Op, size } from "../op.js";

/**
 * The source seen as element (tap, c, column) at column·columnStride + c·channelStride + tap·tapStride. With `batches` it
 * is so many equal parts, and each is packed by itself.
 */
export interface PackAttrs {
  readonly taps: number;
  readonly channels: number;
  readonly columns: number;
  readonly columnStride: number;
  readonly channelStride: number;
  readonly tapStride: number;
  readonly batches?: number;
}

export const PANEL = 32;

/** Packs convolution weights [O, I, kh, kw]. */
export const oihw = (o: number, i: number, kh: number, kw: number): PackAttrs => {
  return { taps: kh * kw, channels: i, columns: o, columnStride: i * kh * kw, channelStride: kh * kw, tapStride: 1 };
};

/** Packs a row-major right matrix B [K, N]. */
export const rightMatrix = (k: number, n: number): PackAttrs => {
  return { taps: 1, channels: k, columns: n, columnStride: 1, channelStride: n, tapStride: 0 };
};

/** Packs Bᵀ for a row-major B [N, K]: a Linear layer's weight, or keys that become columns. */
export const rightTransposed = (n: number, k: number): PackAttrs => {
  return { taps: 1, channels: k, columns: n, columnStride: k, channelStride: 1, tapStride: 0 };
};

/** Channels of a packed operand, padded to whole vec4. */
const padded = (a: PackAttrs) => Math.ceil(a.channels / 4) * 4;

export const packPanels: Op<PackAttrs> = {
  name: "packPanels",
  inputs: ["source"],
  shape(a, [source]) {
    const last = (a.columns - 1) * a.columnStride + (a.channels - 1) * a.channelStride + (a.taps - 1) * a.tapStride;
    const each = size(source) / (a.batches ?? 1);
    expect(last < each, "packPanels", "elements of the source", `at least ${last + 1}`, each);
    const packed = [Math.ceil(a.columns / PANEL), a.taps * padded(a), PANEL];
    return a.batches ? [a.batches, ...packed] : packed;
  },
  forward(device, [source], a, output) {
    const count = output.elements / 4;
    device.dispatch({
      shader: "conv/pack.wgsl",
      constants: {},
      reads: [source],
      writes: [output],
      params: [
        a.taps,
        a.channels,
        padded(a),
        a.columns,
        output.shape.at(-3)!,
        a.columnStride,
        a.channelStride,
        a.tapStride,
        count,
        source.elements / (a.batches ?? 1),
      ],
      groups: Math.ceil(count / 64),
      label: `packPanels/${output.shape.join("x")}`,
      cost: this.cost(a, [source.shape], output.shape),
    });
  },
  reference([source], a) {
    const batches = a.batches ?? 1;
    const each = source.data.length / batches;
    const parts = Array.from({ length: batches }, (_, b) => {
      return packReference(source.data.subarray(b * each, (b + 1) * each), a);
    });
    const out = new Float64Array(batches * parts[0].length);
    for (const [b, part] of parts.entries()) out.set(part, b * part.length);
    return out;
  },
  gradient({ device, attrs: a, inputs: [source], outputGradient }) {
    const batches = a.batches ?? 1;
    const covered = batches * a.columns * a.channels * a.taps;
    expect(covered === source.elements, "packPanels", "elements of a source with a gradient", source.elements, covered);
    const gradient = device.empty(source.shape, "f32", "unpacked gradient");
    const count = batches * a.taps * a.channels * Math.ceil(a.columns / 4);
    device.dispatch({
      shader: "conv/unpack.wgsl",
      constants: {},
      reads: [outputGradient],
      writes: [gradient],
      params: [
        ...[a.taps, a.channels, padded(a), a.columns, a.columnStride, a.channelStride, a.tapStride],
        ...[count, covered / batches],
      ],
      groups: Math.ceil(count / 64),
      label: `unpack/${source.shape.join("x")}`,
      cost: { flops: 0, bytes: 8 * covered },
    });
    return [gradient];
  },
  cost: (_a, [source], output) => ({ flops: 0, bytes: 4 * (size(source) + size(output)) }),
};

function packReference(source: Float64Array, a: PackAttrs): Float64Array {
  const panels = Math.ceil(a.columns / PANEL);
  const cPad = padded(a);
  const out = new Float64Array(panels * a.taps * cPad * PANEL);
  for (let n = 0; n < a.columns; n++)
    for (let tap = 0; tap < a.taps; tap++)
      for (let c = 0; c < a.channels; c++) {
        const k = tap * cPad + c;
        const at = (Math.floor(n / PANEL) * a.taps * cPad + k) * PANEL + (n % PANEL);
        out[at] = source[n * a.columnStride + c * a.channelStride + tap * a.tapStride];
      }
  return out;
}
