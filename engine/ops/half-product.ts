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
import type { Tile } from "./tiles.js";

/** Tiles from which large ones fill a GPU. */
const ENOUGH_TILES = 128;
/** A left side that is read so often is made halves first: it then takes half the traffic, and no rounding on the way. */
const OFTEN = 8;

/** SR × SC subgroups with WM × WN matrices each. */
const tileOf = (SR: number, SC: number, WM: number, WN: number): Tile => ({
  shader: "conv/matrix.wgsl",
  constants: { HALF: 1, SR, SC, WM, WN },
  rows: SR * WM * 16,
  columns: SC * WN * 16,
});
/** Fastest first, 128 × 256, 64 × 128 and 64 × 64: 4096³ at 136, 101 and 75 TFLOP/s on an H100. */
export const MATRIX_TILES: readonly Tile[] = [tileOf(4, 4, 2, 4), tileOf(2, 2, 2, 4), tileOf(2, 2, 2, 2)];

/** The first tile that the device can hold, of which there are enough, and whose columns are not half empty. */
function matrixTile({ caps }: Device, rows: number, columns: number, batches = 1): Tile {
  const fits = (tile: Tile) =>
    threadsOf(tile) <= caps.maxInvocations &&
    storageOf(tile) <= caps.maxWorkgroupStorage &&
    2 * columns > tile.columns &&
    batches * Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns) >= ENOUGH_TILES;
  return MATRIX_TILES.find(fits) ?? (MATRIX_TILES.at(-1) as Tile);
}

const threadsOf = ({ constants: { SR, SC } }: Tile): number => SR * SC * 32;

/** Bytes of workgroup memory: both sides of a step, and 16 × 20 floats a subgroup. */
const storageOf = (tile: Tile): number => 80 * tile.rows + 64 * (tile.columns + 8) + 40 * threadsOf(tile);

/** A k of a panel is 32 halves: four vec4 of words. */
const matrixKernel = (device: Device): BatchKernel => ({
  tile: (rows, columns, batches) => matrixTile(device, rows, columns, batches),
  panelVec4s: 4,
});

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
  const halves = device.derived(w, "halves", () => toHalves(device, w));
  const parts = partsOf(device, a, x, w, output);
  if (parts > 1) {
    splitProduct(
      device,
      matrixKernel(device),
      residual ? [x, halves, bias, residual] : [x, halves, bias],
      a,
      output,
      parts,
    );
    return;
  }
  const [, H, W, C] = x.shape;
  const [N, OH, OW, O] = output.shape;
  const rows = N * OH * OW;
  const tile = matrixTile(device, rows, O);
  const rowTiles = Math.ceil(rows / tile.rows);
  const colTiles = Math.ceil(O / tile.columns);
  const often = C % 8 === 0 && a.kernel[0] * a.kernel[1] * colTiles >= OFTEN;
  const left = often ? toHalves(device, x) : x;
  device.dispatch({
    shader: tile.shader,
    constants: often ? { ...tile.constants, LEFT_HALF: 1 } : tile.constants,
    reads: [left, halves, bias, residual ?? bias],
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
  if (often) left.free();
}

/** The values as halves, two a word; rows are multiples of eight. */
function toHalves(device: Device, x: Tensor): Tensor {
  const halves = device.empty([...x.shape.slice(0, -1), (x.shape.at(-1) as number) / 2], "u32", "halves");
  device.dispatch({
    shader: "conv/halves.wgsl",
    constants: {},
    reads: [x],
    writes: [halves],
    params: [halves.elements / 4],
    groups: groupsFor(halves.elements / 4),
    label: `halves/${x.shape.join("x")}`,
    cost: { flops: 0, bytes: x.bytes + halves.bytes },
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
