/**
 * @file 3×3 convolution of stride 1 by Winograd's F(4×4, 3×3): tiles of 4×4 outputs and their filters are taken to 36
 * points, where the convolution is a product a point, 4 times fewer multiply-adds than the direct sum. The rounding error
 * is about twice that of the direct sum (shaders/conv/winograd.wgsl). Tiles are worked on in chunks that stay in a
 * processor's cache and below the binding limit.
 */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import { windowOf } from "../windows.js";
import { batchedProduct } from "./batched-product.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";
import { groupsFor } from "./launch.js";
import { PANEL } from "./pack.js";
import { bySubgroup, readsTextures } from "./tiles.js";

export const POINTS = 36;
/** Tiles of one chunk, about: their 36 points of 256 channels are 18 MB. A GPU takes more of them where channels are few. */
const CHUNK_TILES = 512;
const CHUNK_BYTES = 20e6;
/** Fewer channels do not pay for the transforms: on a processor, and on a GPU, where 64 take 1.4 times the direct sum's time. */
const LEAST_CHANNELS = { software: 32, gpu: 128 };

/** Whether the device can do this convolution this way. */
export function winogradRuns(device: Device, a: Conv2dAttrs, weights: Tensor): boolean {
  const form = a.kernel[0] === 3 && a.kernel[1] === 3 && a.stride === 1 && a.dilation === 1;
  const runs = bySubgroup(device) || !device.caps.software;
  return form && runs && transformedBytes(weights) <= device.maxBinding;
}

/** Whether it gains by it: where the device's choice is this way, with enough channels. */
export function winogradGains(device: Device, a: Conv2dAttrs, input: readonly number[], weights: Tensor): boolean {
  const least = LEAST_CHANNELS[device.caps.software ? "software" : "gpu"];
  const channels = Math.min(input[3], a.outChannels) >= least;
  return device.choices.conv3x3 === "winograd" && channels && winogradRuns(device, a, weights);
}

const transformedBytes = (weights: Tensor) => (weights.bytes / 9) * POINTS;

/** Some rows of tiles that are worked on together. Rows of tiles count through all images of a batch. */
export interface TileChunk {
  readonly tilesX: number;
  readonly tilesY: number;
  readonly firstTile: number;
  readonly tiles: number;
  /** Image rows [first, end) of all images together that the tiles read, and that they write. */
  readonly inRows: readonly [number, number];
  readonly outRows: readonly [number, number];
}

/** Splits the output into rows of tiles. */
export function tileChunks(
  device: Device,
  a: Conv2dAttrs,
  [N, H, , C]: readonly number[],
  [, OH, OW, O]: readonly number[],
): TileChunk[] {
  const tilesX = Math.ceil(OW / 4);
  const tilesY = Math.ceil(OH / 4);
  const rows = N * tilesY;
  const rowBytes = tilesX * POINTS * 4 * Math.max(C, O);
  const most = device.caps.software ? CHUNK_TILES : Math.max(CHUNK_TILES, (CHUNK_BYTES * tilesX) / rowBytes);
  const step = Math.max(1, Math.min(Math.ceil(most / tilesX), Math.floor(device.maxBinding / rowBytes)));
  const outRow = (r: number) => Math.floor(r / tilesY) * OH + Math.min(OH, (r % tilesY) * 4);
  const inRow = (r: number, edge: number) =>
    Math.floor(r / tilesY) * H + Math.min(H, Math.max(0, (r % tilesY) * 4 - a.padding[0] + edge));
  const chunks: TileChunk[] = [];
  for (let first = 0; first < rows; first += step) {
    const end = Math.min(rows, first + step);
    chunks.push({
      tilesX,
      tilesY,
      firstTile: first * tilesX,
      tiles: (end - first) * tilesX,
      inRows: [inRow(first, 0), inRow(end - 1, 6)],
      outRows: [outRow(first), outRow(end)],
    });
  }
  return chunks;
}

/** As conv2d's forward; x [N, H, W, C], packed weights [panels, 9·C, 32], output [N, OH, OW, O]. */
export function winogradForward(
  device: Device,
  [x, w, bias, residual]: readonly Tensor[],
  a: Conv2dAttrs,
  output: Tensor,
): void {
  const [, OH, OW, O] = output.shape;
  const LOOP = device.caps.software ? 1 : 0;
  const U = device.derived(w, "winograd", () => {
    const points = transformWeights(device, w, x.shape[3]);
    // only the copy is kept
    return readsTextures(device, points) ? device.toSheet(points) : points;
  });
  const input = inputOf(device, x);
  for (const chunk of tileChunks(device, a, x.shape, output.shape)) {
    const { tilesX, tilesY, firstTile, tiles, outRows } = chunk;
    const out = windowOf(device, output, outRows[0] * OW * O, outRows[1] * OW * O);
    device.scope(() => {
      const M = device.empty([POINTS, tiles, O], "f32", "winograd products");
      batchedProduct(device, transformInput(device, a, input, chunk), U, M, "winogradProduct");
      const extra = residual ? { ...out.window, tensor: residual } : bias;
      const LEFT_SHEET = readsTextures(device, M) ? 1 : 0;
      device.dispatch({
        shader: "conv/winograd_output.wgsl",
        constants: { LEFT_SHEET, LOOP, RESIDUAL: residual ? 1 : 0 },
        reads: [LEFT_SHEET ? device.toSheet(M) : M, bias, extra],
        sheets: LEFT_SHEET,
        writes: [out.window],
        params: [
          ...[OH, OW, O / 4, tilesX, tilesY, firstTile, tiles, out.shift / 4, (tiles * O) / 4],
          ...[a.relu ? 1 : 0, 16],
        ],
        groups: groupsFor((tiles * O) / 4),
        label: `winogradOutput/${OH}x${OW}x${O}`,
        cost: { flops: 100 * tiles * O, bytes: 4 * (M.elements + tiles * 16 * O) },
      });
      return undefined;
    });
  }
  if (input !== x) input.free();
}

/** What `transformInput` should be given: x in a texture where the device reads those faster (the caller's to free), else x. */
export function inputOf(device: Device, x: Tensor): Tensor {
  return readsTextures(device, x) ? device.toSheet(x) : x;
}

/** The chunk's patches of x, or of its copy in a texture, at the points: [36, tiles, C]. */
export function transformInput(device: Device, a: Conv2dAttrs, x: Tensor, chunk: TileChunk): Tensor {
  const [, H, W, C] = x.shape;
  const { tilesX, tilesY, firstTile, tiles, inRows } = chunk;
  const V = device.empty([POINTS, tiles, C], "f32", "winograd input");
  const sheet = x.inSheet ? 1 : 0;
  const input = sheet ? { window: x, shift: 0 } : windowOf(device, x, inRows[0] * W * C, inRows[1] * W * C);
  device.dispatch({
    shader: "conv/winograd_input.wgsl",
    constants: { LEFT_SHEET: sheet, LOOP: device.caps.software ? 1 : 0 },
    reads: [input.window],
    sheets: sheet,
    writes: [V],
    params: [
      ...[H, W, C / 4, tilesX, tilesY, a.padding[0], a.padding[1]],
      ...[firstTile, tiles, input.shift / 4, (tiles * C) / 4, POINTS],
    ],
    groups: groupsFor((tiles * C) / 4),
    label: `winogradInput/${H}x${W}x${C}`,
    cost: { flops: 144 * tiles * C, bytes: 4 * (tiles * 16 * C + V.elements) },
  });
  return V;
}

/** Filters at the points: packed [panels, 9·C, 32] → [36, panels, C, 32]. */
function transformWeights(device: Device, w: Tensor, C: number): Tensor {
  const panels = w.shape[0];
  const U = device.empty([POINTS, panels, C, PANEL], "f32", "winograd weights");
  const count = (panels * C * PANEL) / 4;
  const LEFT_SHEET = readsTextures(device, w) ? 1 : 0;
  device.dispatch({
    shader: "conv/winograd_weights.wgsl",
    constants: { LEFT_SHEET, LOOP: device.caps.software ? 1 : 0 },
    reads: [LEFT_SHEET ? device.toSheet(w) : w],
    sheets: LEFT_SHEET,
    writes: [U],
    params: [C, panels, count, POINTS],
    groups: groupsFor(count),
    label: `winogradWeights/${panels}x${C}`,
    cost: { flops: 0, bytes: w.bytes + U.bytes },
  });
  return U;
}
