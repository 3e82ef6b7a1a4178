/** @file Tiles of the convolution kernels: which there are of the workgroup kernel and of the subgroup outer product. */
import type { Device } from "../device.js";
import { SHEET_BYTES } from "../sheet.js";
import type { Tensor } from "../tensor.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";

/** Tile of a variant: rows and columns of output that one workgroup owns. */
export interface Tile {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly columns: number;
}

/** Workgroups below which smaller ones are taken: what the multiprocessors of a large GPU are, and half as many again. */
export const ENOUGH_TILES = 192;

/** How many tiles an output has. */
export function tilesOf(tile: Tile, rows: number, columns: number, batches: number): number {
  return batches * Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
}

/** BM × BN sums by invocations that own TM × TN of them. */
const workgroupOf = (BM: number, BN: number, TM: number, TN: number): Tile => ({
  shader: "conv/workgroup.wgsl",
  constants: { BM, BN, TM, TN },
  rows: BM,
  columns: BN,
});
/**
 * Tiles and from how many of them each is taken; fewer of the large ones leave multiprocessors idle. On an H200, with the first,
 * second and fourth, 4096³ takes 2.9, 3.3 and 3.2 ms, 3072×1024×1024 takes 0.20, 0.17 and 0.18; the third serves 64 columns:
 * 3×3 of 64→64 channels on 192×256 pixels 0.10 ms, with the fourth 0.11.
 */
const WORKGROUP_TILES: readonly { readonly tile: Tile; readonly least: number }[] = [
  { tile: workgroupOf(128, 128, 8, 16), least: 256 },
  { tile: workgroupOf(64, 128, 8, 8), least: 384 },
  { tile: workgroupOf(128, 64, 8, 8), least: 384 },
  { tile: workgroupOf(64, 64, 8, 8), least: ENOUGH_TILES },
  { tile: workgroupOf(32, 32, 4, 4), least: 0 },
];

/** Rows and columns of the largest tile that the device chose. */
export const workgroupSide = ({ choices }: Device): number => (choices.conv === "workgroup128" ? 128 : 64);

/** The largest tile, of `side` at most, of which there are enough to fill a GPU, and whose columns are not half empty. */
export function workgroupTile(side: number, rows: number, columns: number, batches = 1): Tile {
  const fits = ({ tile, least }: (typeof WORKGROUP_TILES)[number]) =>
    Math.max(tile.rows, tile.columns) <= side &&
    (2 * columns > tile.columns || tile.columns <= 64) &&
    tilesOf(tile, rows, columns, batches) >= least;
  return WORKGROUP_TILES.find(fits)!.tile;
}

/** Values of K that a step of the workgroup kernel takes. */
export const WORKGROUP_STEP = 16;

/** PLAIN of the kernels for GPUs, which take `step` values of K at a time: 1 for a product whose steps all lie inside the input. */
export function plainness(
  { kernel, padding }: Pick<Conv2dAttrs, "kernel" | "padding">,
  K: number,
  step: number,
): 0 | 1 {
  return kernel[0] * kernel[1] === 1 && padding[0] + padding[1] === 0 && K % step === 0 ? 1 : 0;
}

/** The subgroup outer product's kernel. */
export const OUTER_PRODUCT = "conv/subgroup.wgsl";

/** Tile of the subgroup outer product. @param CV vec4 of columns that a lane owns */
export function outerTile(LANES: number, ROWS: number, CV: number): Tile {
  return { shader: OUTER_PRODUCT, constants: { LANES, CV, ROWS }, rows: ROWS, columns: LANES * CV * 4 };
}

/**
 * The same with operands in textures, for an output of so many rows and columns. Loads are cheap there, so a tile is as large as
 * its loop fits the instruction cache: 64 × 64 with sixteen lanes, 32 × 64 with eight; wide where there are few rows.
 */
export function textureTile(lanes: number, rows: number, columns: number): Tile {
  const ROWS = rows <= 16 ? 16 : lanes === 16 ? 64 : 32;
  const CV = columns > lanes * 4 && ROWS * lanes < 1024 ? 2 : 1;
  const tile = outerTile(lanes, ROWS, CV);
  return { ...tile, constants: { ...tile.constants, RIGHT_SHEET: 1 } };
}

/** Whether a kernel of such a tile must look where an output of so many columns ends. */
export function hasEdge({ constants, columns }: Tile, outColumns: number): 0 | 1 {
  return constants.CV > 1 && outColumns % columns ? 1 : 0;
}

/** Small subgroups of software drivers have kernels of their own. */
export function bySubgroup({ caps }: Device): boolean {
  return caps.software && [4, 8, 16].includes(caps.subgroupSize);
}

/** Whether an operand can be in a texture. */
export function fitsSheet(device: Device, operand: Tensor): boolean {
  return operand.bytes <= Math.min(SHEET_BYTES, device.maxBinding);
}

/** Whether the device's kernels for small subgroups read a tensor from a texture: it has chosen so, and the tensor fits. */
export function readsTextures(device: Device, tensor: Tensor): boolean {
  return bySubgroup(device) && device.choices.conv === "texture" && fitsSheet(device, tensor);
}

/** Whether the left operand goes into a texture too: a copy costs no more than one load of each value saves. */
export function leftInTexture(device: Device, tile: Tile, left: Tensor): boolean {
  return tile.constants.RIGHT_SHEET === 1 && fitsSheet(device, left);
}
