/**
 * @file Matrix products of few rows and columns but a long K on GPUs: K is split, so that there are workgroups enough, and
 * a second kernel adds the parts in order and does the epilogue. LIT's products with 256 templates are such.
 */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";
import { groupsFor } from "./launch.js";
import { ENOUGH_TILES, plainness, type Tile } from "./tiles.js";

/** Parts are whole steps of every kernel: vec4s of K. */
const STEP4 = 8;
/** A shorter part does not pay for its second pass. */
const LEAST_K = 128;
const MOST_PARTS = 16;
/** Workgroups to be had by splitting: four for each multiprocessor of a large GPU. */
const WANTED_TILES = 528;

/** Into how many parts K should be split; 1 where it should not, or this is no plain product. */
export function partsOf(device: Device, a: Conv2dAttrs, x: Tensor, w: Tensor, output: Tensor): number {
  const plain = a.kernel[0] * a.kernel[1] === 1 && a.stride === 1 && a.padding[0] === 0 && a.padding[1] === 0;
  if (!plain) return 1;
  const K = x.shape[3];
  const rows = output.elements / a.outChannels;
  const tiles = Math.ceil(rows / 64) * Math.ceil(a.outChannels / 64);
  if (tiles >= ENOUGH_TILES) return 1;
  const parts = Math.min(MOST_PARTS, Math.ceil(WANTED_TILES / tiles), Math.floor(K / LEAST_K));
  const fits = Math.max(x.bytes, w.bytes, parts * output.bytes) <= device.maxBinding;
  return fits ? Math.max(1, parts) : 1;
}

/**
 * A kernel with batches: its tile for so many rows and columns, the vec4s of its right operand that hold a k of a panel, and
 * how many values of K it takes at a time.
 */
export interface BatchKernel {
  readonly tile: (device: Device, rows: number, columns: number, batches: number, K: number) => Tile;
  readonly panelVec4s: number;
  readonly step: number;
}

/** As conv2d's forward for a plain product, with K in `parts`; `w` as the kernel wants it. */
export function splitProduct(
  device: Device,
  { tile: tileFor, panelVec4s, step }: BatchKernel,
  [x, w, bias, residual]: readonly Tensor[],
  a: Conv2dAttrs,
  output: Tensor,
  parts: number,
): void {
  const C = x.shape[3];
  const O = a.outChannels;
  const rows = output.elements / O;
  const chunk4 = Math.ceil(C / 4 / parts / STEP4) * STEP4;
  const tile = tileFor(device, rows, O, parts, chunk4 * 4);
  const used = Math.ceil(C / 4 / chunk4);
  const rowTiles = Math.ceil(rows / tile.rows);
  const colTiles = Math.ceil(O / tile.columns);
  const zeros = device.zeros(O);
  const count = (rows * O) / 4;
  device.scope(() => {
    const sums = device.empty([used, rows, O], "f32", "parts of a product");
    device.dispatch({
      shader: tile.shader,
      constants: { ...tile.constants, PLAIN: plainness(a, C, step) },
      reads: [x, w, zeros, zeros],
      writes: [sums],
      // biome-ignore format: one line for each line of the WGSL struct
      params: [
        1, rows, C / 4, 1, rows, O / 4,
        1, 1, 1, 1, 0, 0,
        0, rows, 0, colTiles, rowTiles,
        0, 0, 0, 0, 0,
        used, chunk4, chunk4 * 4 * panelVec4s, count,
        1, chunk4, chunk4,
      ],
      groups: used * rowTiles * colTiles,
      label: `conv2d/split${used}/${rows}x${C}>${rows}x${O}`,
      cost: { flops: 2 * rows * C * O, bytes: x.bytes + w.bytes + sums.bytes },
    });
    device.dispatch({
      shader: "conv/add_parts.wgsl",
      constants: {},
      reads: [sums, bias, residual ?? bias],
      writes: [output],
      params: [count, used, O / 4, a.relu ? 1 : 0, residual ? 1 : 0],
      groups: groupsFor(count),
      label: `addParts/${used}x${rows}x${O}`,
      cost: { flops: used * rows * O, bytes: sums.bytes + output.bytes },
    });
    return undefined;
  });
}
