/** @file Tile and operands of the kernels that sum outer products of rows (shaders/conv/outer_sum.wgsl). */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import { readsTextures } from "./tiles.js";

/** Rows are channels of the left operand, columns those of the right one. */
export interface OuterSumTile {
  readonly constants: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly columns: number;
  /** To be bound first and second, and which of them as textures; copies belong to the caller's scope. */
  readonly operands: readonly [Tensor, Tensor];
  readonly sheets: number;
}

/** The device is one of small subgroups. Operands go into textures where it reads those faster. */
export function outerSumTile(device: Device, left: Tensor, right: Tensor): OuterSumTile {
  const LANES = device.caps.subgroupSize;
  const CV = LANES === 4 ? 2 : 1;
  const sheet = [left, right].map((t) => (readsTextures(device, t) ? 1 : 0));
  const [LEFT_SHEET, RIGHT_SHEET] = sheet;
  return {
    constants: { LANES, CV, LEFT_SHEET, RIGHT_SHEET },
    rows: LANES * 4,
    columns: LANES * CV * 4,
    operands: [LEFT_SHEET ? device.toSheet(left) : left, RIGHT_SHEET ? device.toSheet(right) : right],
    sheets: LEFT_SHEET | (RIGHT_SHEET << 1),
  };
}
