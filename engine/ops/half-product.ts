/**
 * @file Convolutions and products at half precision (`Device.precision`): both sides rounded to halves, sums in float32.
 * On matrix units where the device has them (shaders/conv/matrix.wgsl); else the rounded values go through the float32
 * kernels, which gives the same numbers up to the order of the sums, and no speed.
 */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";
import { groupsFor } from "./launch.js";
import { type BatchKernel, partsOf, splitProduct } from "./split-product.js";
import type { Tile } from "./workgroup-tile.js";

/** Tiles from which the large ones fill a GPU. */
const ENOUGH_TILES = 192;

const tileOf = (SR: number, SC: number, WM: number, WN: number): Tile => ({
  shader: "conv/matrix.wgsl",
  constants: { HALF: 1, SR, SC, WM, WN },
  rows: SR * WM * 16,
  columns: SC * WN * 16,
});
const LARGE = tileOf(4, 2, 2, 4);
const SMALL = tileOf(2, 2, 2, 2);

/** Tiles of 128 × 128, or of 64 × 64 where there would be too few, or where half of the columns would be empty. */
function matrixTile(rows: number, columns: number, batches = 1): Tile {
  const tiles = batches * Math.ceil(rows / LARGE.rows) * Math.ceil(columns / LARGE.columns);
  return columns > SMALL.columns && tiles >= ENOUGH_TILES ? LARGE : SMALL;
}

/** A k of a panel is 32 halves: four vec4 of words. */
const MATRIX: BatchKernel = { tile: matrixTile, panelVec4s: 4 };

/** Whether matrix units can do it: what they read and write must lie within one binding each. */
export function matrixRuns(device: Device, [x, w]: readonly Tensor[], output: Tensor): boolean {
  return device.caps.matrixUnits && Math.max(x.bytes, w.bytes, output.bytes) <= device.maxBinding;
}

/** As conv2d's forward, on matrix units. @param cost of the whole op */
export function matrixForward(
  device: Device,
  [x, w, bias, residual]: readonly Tensor[],
  a: Conv2dAttrs,
  output: Tensor,
  cost: { readonly flops: number; readonly bytes: number },
): void {
  const halves = device.derived(w, "halves", () => halfWeights(device, w));
  const parts = partsOf(device, a, x, w, output);
  if (parts > 1) {
    splitProduct(device, MATRIX, residual ? [x, halves, bias, residual] : [x, halves, bias], a, output, parts);
    return;
  }
  const [, H, W, C] = x.shape;
  const [N, OH, OW, O] = output.shape;
  const rows = N * OH * OW;
  const tile = matrixTile(rows, O);
  const rowTiles = Math.ceil(rows / tile.rows);
  const colTiles = Math.ceil(O / tile.columns);
  device.dispatch({
    shader: tile.shader,
    constants: tile.constants,
    reads: [x, halves, bias, residual ?? bias],
    writes: [output],
    // biome-ignore format: one line for each line of the WGSL struct
    params: [
      H, W, C / 4, OH, OW, O / 4,
      a.kernel[0], a.kernel[1], a.stride, a.dilation, a.padding[0], a.padding[1],
      0, rows, 0, colTiles, rowTiles,
      0, 0, 0, a.relu ? 1 : 0, residual ? 1 : 0,
      1, 0, 0, 0,
      ...(a.dilation === 1 ? [1, (a.kernel[1] * C) / 4] : [a.kernel[1], C / 4]),
      0,
    ],
    groups: rowTiles * colTiles,
    label: `conv2dHalf/${a.kernel.join("x")}s${a.stride}/${H}x${W}x${C}>${OH}x${OW}x${O}`,
    cost,
  });
}

/** A right operand [panels, k, 32] as halves, two a word: [panels, k, 16]. */
function halfWeights(device: Device, w: Tensor): Tensor {
  const halves = device.empty([w.shape[0], w.shape[1], w.shape[2] / 2], "u32", "half weights");
  device.dispatch({
    shader: "conv/half_weights.wgsl",
    constants: {},
    reads: [w],
    writes: [halves],
    params: [halves.elements / 4],
    groups: groupsFor(halves.elements / 4),
    label: `halfWeights/${w.shape.join("x")}`,
    cost: { flops: 0, bytes: w.bytes + halves.bytes },
  });
  return halves;
}

/** Input and weights as halves would hold them, in float32; bias and residual as they are. The first is the caller's to free. */
export function roundedOperands(device: Device, [x, w, ...rest]: readonly Tensor[]): Tensor[] {
  return [roundHalf(device, x), device.derived(w, "rounded", () => roundHalf(device, w)), ...rest];
}

function roundHalf(device: Device, x: Tensor): Tensor {
  const rounded = device.empty(x.shape, "f32", "rounded");
  const all = x.elements / 4;
  // windows begin where any device lets them
  const most = Math.floor(device.maxBinding / 1024) * 64;
  for (let first = 0; first < all; first += most) {
    const count = Math.min(most, all - first);
    const window = (tensor: Tensor) => ({ tensor, offset: first * 16, bytes: count * 16 });
    device.dispatch({
      shader: "conv/round_half.wgsl",
      constants: {},
      reads: [window(x)],
      writes: [window(rounded)],
      params: [count],
      groups: groupsFor(count),
      label: `roundHalf/${x.shape.join("x")}`,
      cost: { flops: 0, bytes: 32 * count },
    });
  }
  return rounded;
}
