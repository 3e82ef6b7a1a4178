/** @file Tiles of the convolution kernels: which there are of the workgroup kernel and of the subgroup outer product. */
import type { Device } from "../device.js";
import { SHEET_BYTES } from "../sheet.js";
import type { Tensor } from "../tensor.js";

/** Tile of a variant: rows and columns of output that one workgroup owns. */
export interface Tile {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly columns: number;
}

/** Workgroups below which smaller ones are taken: what the multiprocessors of a large GPU are, and half as many again. */
export const ENOUGH_TILES = 192;

/** Tiles of 64 × 64, or of 32 × 32 where there would be too few to fill a GPU. */
export function workgroupTile(rows: number, columns: number, batches = 1): Tile {
  const tiles = batches * Math.ceil(rows / 64) * Math.ceil(columns / 64);
  const [side, T] = tiles >= ENOUGH_TILES ? [64, 8] : [32, 4];
  return { shader: "conv/workgroup.wgsl", constants: { BM: side, BN: side, TM: T, TN: T }, rows: side, columns: side };
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
