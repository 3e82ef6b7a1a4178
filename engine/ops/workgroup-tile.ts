/** @file Tiles of the convolution kernels, and the choice between those of the workgroup kernel (shaders/conv/workgroup.wgsl). */

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
