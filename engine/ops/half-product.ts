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
import { plainness, type Tile, tilesOf } from "./tiles.js";

/** Values of K that a step of the kernel takes. */
const STEP = 32;
/** A left side whose values are multiplied so often is made halves first: it then takes half the traffic, and no rounding on the way. */
const OFTEN = 512;

/** SR × SC subgroups with WM × WN matrices each. */
const tileOf = (SR: number, SC: number, WM: number, WN: number): Tile => ({
  shader: "conv/matrix.wgsl",
  constants: { HALF: 1, SR, SC, WM, WN },
  rows: SR * WM * 16,
  columns: SC * WN * 16,
});
/**
 * Tiles, from how many of them each is taken, and from how long a K. On an H200 the first do 261 and 242 TFLOP/s for 4096³, which
 * has many of both, and 136 and 199 for 2048³: two workgroups of the first share a multiprocessor, so it wants twice as many.
 * Where K is short the outputs decide, and long rows of them are stored faster.
 */
export const MATRIX_TILES: readonly { readonly tile: Tile; readonly least: number; readonly leastK: number }[] = [
  { tile: tileOf(2, 2, 4, 4), least: 1024, leastK: 512 },
  { tile: tileOf(2, 4, 4, 4), least: 96, leastK: 0 },
  { tile: tileOf(2, 4, 4, 2), least: 96, leastK: 0 },
  { tile: tileOf(4, 2, 2, 2), least: 96, leastK: 0 },
  { tile: tileOf(2, 2, 2, 2), least: 0, leastK: 0 },
];

/** The first tile that the device can hold, of which there are enough, and whose columns are not half empty. */
export function matrixTile({ caps }: Device, rows: number, columns: number, batches: number, K: number): Tile {
  const fits = ({ tile, least, leastK }: (typeof MATRIX_TILES)[number]) =>
    threadsOf(tile) <= caps.maxInvocations &&
    storageOf(tile) <= caps.maxWorkgroupStorage &&
    2 * columns > tile.columns &&
    K >= leastK &&
    tilesOf(tile, rows, columns, batches) >= least;
  return (MATRIX_TILES.find(fits) ?? MATRIX_TILES.at(-1)!).tile;
}

const threadsOf = ({ constants: { SR, SC } }: Tile): number => SR * SC * 32;

/** Bytes of workgroup memory: both sides of a step, and where they were two matrices of sums of each subgroup at the end. */
const storageOf = (tile: Tile): number => Math.max(72 * tile.rows + 64 * (tile.columns + 8), 80 * threadsOf(tile));

/** A k of a panel is 32 halves: four vec4 of words. */
const MATRIX: BatchKernel = { tile: matrixTile, panelVec4s: 4, step: STEP };

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
    splitProduct(device, MATRIX, residual ? [x, halves, bias, residual] : [x, halves, bias], a, output, parts);
    return;
  }
  const [, H, W, C] = x.shape;
  const [N, OH, OW, O] = output.shape;
  const rows = N * OH * OW;
  const taps = a.kernel[0] * a.kernel[1];
  const tile = matrixTile(device, rows, O, 1, taps * C);
  const rowTiles = Math.ceil(rows / tile.rows);
  const colTiles = Math.ceil(O / tile.columns);
  const often = C % 8 === 0 && taps * O > OFTEN;
  const left = often ? toHalves(device, x) : x;
  device.dispatch({
    shader: tile.shader,
    constants: { ...tile.constants, LEFT_HALF: often ? 1 : 0, PLAIN: plainness(a, C, STEP) },
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
