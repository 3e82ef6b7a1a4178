/**
 * @file Gradient of a convolution with respect to its packed weights: by Winograd's way where the forward goes it, else a
 * sum over output pixels, split into chunks whose partial sums are added in order. Of a batch of products each is a chunk.
 */
import type { Device } from "../device.js";
import { size } from "../op.js";
import type { Tensor } from "../tensor.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";
import { outerSumTile } from "./outer-sum.js";
import { PANEL } from "./pack.js";
import { sumParts } from "./reduce-columns.js";
import { bySubgroup } from "./tiles.js";
import { winogradGains } from "./winograd.js";
import { winogradWeightGradient } from "./winograd-gradient.js";

/** Pixels that one workgroup sums, at least. */
const LEAST_CHUNK = 64;
/** Workgroups that keep a device busy: more chunks are made only while there are fewer tiles than this. */
const ENOUGH_GROUPS = { software: 16, gpu: 1024 };

/** x [N, H, W, C] and dz [N, OH, OW, O] → the gradient of `w` [panels, taps·C, 32]. */
export function weightGradient(device: Device, a: Conv2dAttrs, x: Tensor, dz: Tensor, w: Tensor): Tensor {
  if (bySubgroup(device) && winogradGains(device, a, x.shape, w))
    return winogradWeightGradient(device, a, x, dz, w.shape);
  const partial = kernelOf(device)(device, a, x, dz, w.shape);
  return sumParts(device, partial, partial.shape[0], w.shape);
}

const PRODUCT = { kernel: [1, 1], stride: 1, padding: [0, 0], dilation: 1, relu: false } as const;

/** As the gradient of n products [M, K] · [K, N]: left [n, M, K] and dz [n, M, N] → [n, panels, K, 32]. */
export function batchedWeightGradient(
  device: Device,
  left: Tensor,
  dz: Tensor,
  packedShape: readonly number[],
): Tensor {
  const [n, panels, K] = packedShape;
  const M = left.elements / n / K;
  const N = dz.elements / n / M;
  const a: Conv2dAttrs = { ...PRODUCT, outChannels: N };
  return kernelOf(device)(device, a, left.view([n, M, 1, K]), dz.view([n, M, 1, N]), [panels, K, PANEL], n);
}

/**
 * The kernel for a device: x, dz → partial sums [chunks, …packedShape]. The chunks are as many as the device can use, or
 * `images`: then each is an image's sum.
 */
function kernelOf(device: Device) {
  if (!device.caps.software) return inTiles;
  return bySubgroup(device) ? alongRows : overPixels;
}

/** Taps as two of the kernels see them, and the values of a run of input: a row of taps is one run where it is contiguous. */
function runsOf({ kernel, dilation }: Conv2dAttrs, C: number): { taps: readonly [number, number]; run: number } {
  return dilation === 1 ? { taps: [kernel[0], 1], run: kernel[1] * C } : { taps: kernel, run: C };
}

/** The subgroup kernel. The pixels of a 1×1 convolution have no rows of their own and are cut into rows that suit. */
function alongRows(
  device: Device,
  a: Conv2dAttrs,
  x: Tensor,
  dz: Tensor,
  packedShape: readonly number[],
  images?: number,
): Tensor {
  const [N, H, W, C] = x.shape;
  const [, OH, OW, O] = dz.shape;
  const tile = outerSumTile(device, x, dz);
  const { taps, run } = runsOf(a, C);
  const columns = Math.ceil(O / PANEL) * PANEL;
  const tiles = [Math.ceil(run / tile.rows), Math.ceil(columns / tile.columns)] as const;
  const pixels = N * OH * OW;
  const work = Math.ceil(pixels / LEAST_CHUNK);
  const most = images ?? mostChunks(device, taps[0] * taps[1] * tiles[0] * tiles[1], packedShape, work);
  const flat = a.kernel[0] * a.kernel[1] === 1 && a.stride === 1 && a.padding[0] === 0 && a.padding[1] === 0;
  const length = flat ? (images ? pixels / images : Math.ceil(pixels / most / 4) * 4) : OW;
  const rows = flat ? Math.ceil(pixels / length) : N * OH;
  const chunk = Math.ceil(rows / Math.min(most, rows));
  const sizes = flat ? [rows, length, C / 4, rows, length, O / 4] : [H, W, C / 4, OH, OW, O / 4];
  return launch(device, a, x, dz, packedShape, {
    shader: "conv/weight_gradient_subgroup.wgsl",
    // the stem's kernel rows are 28 values: no more lanes' rows than there are
    constants: { ...tile.constants, ROW_LANES: Math.min(tile.rows, run) / 4, EDGE: columns % tile.columns ? 1 : 0 },
    operands: tile.operands,
    sheets: tile.sheets,
    sizes,
    taps,
    tiles,
    chunk,
    chunks: Math.ceil(rows / chunk),
    last: [rows, run / 4],
  });
}

/** The workgroup kernel. */
function inTiles(
  device: Device,
  a: Conv2dAttrs,
  x: Tensor,
  dz: Tensor,
  packedShape: readonly number[],
  images?: number,
): Tensor {
  const [N, H, W, C] = x.shape;
  const [, OH, OW, O] = dz.shape;
  const { taps, run } = runsOf(a, C);
  const tiles = [Math.ceil(run / 64), Math.ceil(O / 64)] as const;
  const pixels = N * OH * OW;
  const work = Math.ceil(pixels / 256);
  const wanted = mostChunks(device, taps[0] * taps[1] * tiles[0] * tiles[1], packedShape, work);
  const chunk = images ? pixels / images : Math.ceil(pixels / wanted / 16) * 16;
  return launch(device, a, x, dz, packedShape, {
    shader: "conv/weight_gradient_workgroup.wgsl",
    constants: {},
    sizes: [H, W, C / 4, OH, OW, O / 4],
    taps,
    tiles,
    chunk,
    chunks: Math.ceil(pixels / chunk),
    last: [0, run / 4],
  });
}

/** The kernel without subgroups. */
function overPixels(
  device: Device,
  a: Conv2dAttrs,
  x: Tensor,
  dz: Tensor,
  packedShape: readonly number[],
  images?: number,
): Tensor {
  const [N, H, W, C] = x.shape;
  const [, OH, OW, O] = dz.shape;
  const taps = a.kernel;
  const pixels = N * OH * OW;
  const tiles = [C / 4, Math.ceil(O / 256)] as const;
  const work = Math.ceil(pixels / LEAST_CHUNK);
  const wanted = mostChunks(device, taps[0] * taps[1] * tiles[0] * tiles[1], packedShape, work);
  const chunk = Math.ceil(pixels / (images ?? wanted));
  const chunks = Math.ceil(pixels / chunk);
  const sizes = [H, W, C / 4, OH, OW, O / 4];
  const shader = "conv/weight_gradient.wgsl";
  return launch(device, a, x, dz, packedShape, { shader, constants: {}, sizes, taps, tiles, chunk, chunks, last: [] });
}

/** Chunks that the device can use: enough workgroups, partial sums within a binding, and no more than there is work. */
function mostChunks(device: Device, tiles: number, packedShape: readonly number[], work: number): number {
  const fits = Math.floor(device.maxBinding / (4 * size(packedShape)));
  const wanted = Math.ceil((device.caps.software ? ENOUGH_GROUPS.software : ENOUGH_GROUPS.gpu) / tiles);
  return Math.max(1, Math.min(wanted, fits, work));
}

interface Launch {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number>>;
  /** Copies of x and dz in textures, by the bits of `sheets`. */
  readonly operands?: readonly [Tensor, Tensor];
  readonly sheets?: number;
  /** inH, inW, inC4, outH, outW, outC4 as the kernel sees them. */
  readonly sizes: readonly number[];
  /** Rows and columns of the kernel as the kernel sees them. */
  readonly taps: readonly [number, number];
  /** Of channels and of columns. */
  readonly tiles: readonly [number, number];
  readonly chunk: number;
  readonly chunks: number;
  /** What only one of the kernels is told. */
  readonly last: readonly number[];
}

function launch(
  device: Device,
  a: Conv2dAttrs,
  x: Tensor,
  dz: Tensor,
  packedShape: readonly number[],
  l: Launch,
): Tensor {
  const [, OH, OW, O] = dz.shape;
  const C = x.shape[3];
  const pixels = dz.elements / O;
  const partial = device.empty([l.chunks, ...packedShape], "f32", "weight gradient");
  device.dispatch({
    shader: l.shader,
    constants: l.constants,
    reads: l.operands ?? [x, dz],
    sheets: l.sheets,
    writes: [partial],
    // biome-ignore format: one line for each line of the WGSL struct
    params: [
      ...l.sizes,
      ...l.taps, a.stride, a.dilation, a.padding[0], a.padding[1],
      pixels, l.chunk, l.chunks, ...l.tiles, size(packedShape) / 4,
      ...l.last,
    ],
    groups: l.taps[0] * l.taps[1] * l.tiles[0] * l.tiles[1] * l.chunks,
    label: `weightGradient/${a.kernel.join("x")}s${a.stride}/${C}>${O}/${OH}x${OW}`,
    cost: {
      flops: 2 * pixels * a.kernel[0] * a.kernel[1] * C * O,
      bytes: 4 * (x.elements + dz.elements + partial.elements),
    },
  });
  for (const copy of l.operands ?? []) if (copy !== x && copy !== dz) copy.free();
  return partial;
}
