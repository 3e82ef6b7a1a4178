/**
 * @file Nearest words on a device: score all, pick groups of words, measure these. Millions of vectors pass in blocks, the
 * next block being on the device while the words of one are chosen here.
 */
import type { Device } from "../../engine/device.js";
import { groupsFor, rowReduction } from "../../engine/ops/launch.js";
import { SHEET_BYTES } from "../../engine/sheet.js";
import type { Tensor } from "../../engine/tensor.js";
import type { Assignment } from "../assigner.js";
import { squaredNorms } from "../nearest.js";
import { checkAssignment } from "../parameters.js";
import { type Candidates, chooseWords, type Decided } from "./choose-words.js";
import { padRows, type WordTable } from "./word-table.js";

/** Words that are scored together: the eight neighbours of one lane. */
export const GROUP = 8;
/** Groups that are measured beyond those asked for, so that rounding of scores cannot hide a near word. */
const SPARE_GROUPS = 3;
/** Beyond this many words a vector the lists of nearest_pick.wgsl leave the registers: the CPU twin takes over. */
export const MOST_ASSIGNMENTS = 13;
/** Most bytes of group scores; 2048 vectors × 65,536 words. */
const SCORE_BYTES = 64 * 2 ** 20;

/** How scores are computed; by default what suits the device. */
export type NearestVariant = "subgroup" | "workgroup";

/** Rows of a tile whose operands are loaded from textures (engine/sheet.ts). */
const ROWS_OF_TEXTURES = 32;

interface Tile {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly words: number;
}

export interface NearestOptions {
  readonly variant?: NearestVariant;
  /** Counted up: how the words were decided. */
  readonly decided?: Decided;
}

/** The tile of a scoring kernel. A subgroup variant asked for where it cannot run gives the workgroup one. */
export function nearestTile(device: Device, variant?: NearestVariant): Tile {
  const { software, subgroupSize: lanes } = device.caps;
  const subgroup = lanes >= 4 && lanes <= 16 && (variant ?? (software ? "subgroup" : "workgroup")) === "subgroup";
  if (!subgroup) return { shader: "asmk/nearest_workgroup.wgsl", constants: {}, rows: 64, words: 128 };
  // neither side is larger than a binding
  const SHEETS = device.choices.conv === "texture" && device.maxBinding <= SHEET_BYTES ? 1 : 0;
  const ROWS = lanes === 4 ? 8 : SHEETS ? ROWS_OF_TEXTURES : 16;
  const constants = { LANES: lanes, ROWS, SHEETS };
  return { shader: "asmk/nearest_subgroup.wgsl", constants, rows: ROWS, words: lanes * 8 };
}

/**
 * The m nearest words of each vector with their squared distances, nearest first; equal ones by lower word. Words are
 * those of the float64 twin: what float32 cannot decide is decided in float64 (choose-words.ts).
 * @param vectors count × table.dim, finite
 * @param m 1 … MOST_ASSIGNMENTS
 */
export async function nearestWords(
  device: Device,
  table: WordTable,
  vectors: Float32Array,
  m: number,
  { variant, decided = { vectors: 0, refined: 0, searched: 0 } }: NearestOptions = {},
): Promise<Assignment> {
  checkAssignment(m, Math.min(table.words, MOST_ASSIGNMENTS));
  const count = vectors.length / table.dim;
  const words = new Int32Array(count * m);
  const distances = new Float32Array(count * m);
  const most = blockRows(device, table);
  let next = count > 0 ? launch(device, table, vectors.subarray(0, most * table.dim), m, variant) : undefined;
  for (let row = 0; row < count; row += most) {
    const block = vectors.subarray(row * table.dim, (row + most) * table.dim);
    const current = next;
    const after = vectors.subarray((row + most) * table.dim, (row + 2 * most) * table.dim);
    next = after.length > 0 ? launch(device, table, after, m, variant) : undefined;
    // thrown where it is awaited; without this line Node would also report it as unhandled
    next?.catch(() => {});
    const candidates = await current!;
    const out = { words: words.subarray(row * m), distances: distances.subarray(row * m) };
    chooseWords(table, block, candidates, m, out, decided);
  }
  return { words, distances };
}

/** Vectors a block: group scores and vectors must each fit a binding, and two blocks what a limit of memory leaves. */
function blockRows(device: Device, table: WordTable): number {
  const scoreRow = (table.padded / GROUP) * 4;
  const vectorRow = table.dim4 * 16;
  const scores = Math.min(device.maxBinding, SCORE_BYTES) / scoreRow;
  // vectors are in a texture too, and picks and distances beside them
  const within = device.room / 4 / (scoreRow + 2 * vectorRow + 36 * (MOST_ASSIGNMENTS + SPARE_GROUPS));
  return Math.max(1, Math.floor(Math.min(scores, device.maxBinding / vectorRow, within)));
}

/** Records and sends the work of one block; resolves with what was read back. */
async function launch(
  device: Device,
  table: WordTable,
  block: Float32Array,
  m: number,
  variant?: NearestVariant,
): Promise<Candidates> {
  const { dim, dim4 } = table;
  const rows = block.length / dim;
  const picks = m + SPARE_GROUPS;
  const groups = table.padded / GROUP;
  const squares = squaredNorms(block, dim);
  let reading!: ReturnType<Device["read"]>;
  device.scope(() => {
    const vectors = device.upload(padRows(block, dim), [rows, dim4 * 4], "vectors");
    const best = device.empty([rows, groups], "f32", "group scores");
    const lengths = device.upload(
      Float32Array.from(squares, (s) => Math.sqrt(s) * (1 + 2 ** -21)),
      [rows],
      "lengths",
    );
    score(device, table, vectors, lengths, best, nearestTile(device, variant));
    const picked = device.empty([rows, picks], "u32", "picked groups");
    const last = device.empty([rows], "f32", "last score");
    device.dispatch({
      shader: "asmk/nearest_pick.wgsl",
      constants: { PICK: picks, ...rowReduction(device) },
      reads: [best],
      writes: [picked, last],
      params: [rows, groups / 4],
      groups: rows,
      label: `nearestPick/${rows}x${groups}>${picks}`,
      cost: { flops: rows * groups, bytes: 4 * rows * groups },
    });
    const distances = device.empty([rows, picks * GROUP], "f32", "distances");
    measure(device, table, vectors, picked, distances);
    reading = device.read(picked, last, distances);
    return undefined;
  });
  const [pickedData, lastData, distanceData] = await reading;
  return {
    picks,
    squares,
    groups: pickedData as Uint32Array,
    last: lastData as Float32Array,
    distances: distanceData as Float32Array,
  };
}

function score(device: Device, table: WordTable, vectors: Tensor, lengths: Tensor, best: Tensor, tile: Tile): void {
  const [rows, width] = vectors.shape;
  const rowTiles = Math.ceil(rows / tile.rows);
  const { SHEETS } = tile.constants;
  const left = SHEETS ? device.sheetOf(vectors) : vectors;
  for (const part of table.parts) {
    const colTiles = part.padded / tile.words;
    device.dispatch({
      shader: tile.shader,
      constants: tile.constants,
      reads: [left, lengths, SHEETS ? device.sheetOf(part.panels) : part.panels, part.halfNorms, part.errors],
      sheets: SHEETS ? 0b101 : 0,
      writes: [best],
      params: [rows, table.dim4, rowTiles, colTiles, part.first / GROUP, table.padded / GROUP],
      groups: rowTiles * colTiles,
      label: `nearestScores/${rows}x${part.padded}x${width}`,
      cost: {
        flops: 2 * rows * part.padded * width,
        bytes: vectors.bytes + part.panels.bytes + best.bytes,
      },
    });
  }
}

function measure(device: Device, table: WordTable, vectors: Tensor, picked: Tensor, distances: Tensor): void {
  const count = distances.elements;
  for (const part of table.parts)
    device.dispatch({
      shader: "asmk/nearest_distances.wgsl",
      constants: {},
      reads: [vectors, part.rows, picked],
      writes: [distances],
      params: [count, distances.shape[1], table.dim4, part.first, part.first + part.padded],
      groups: groupsFor(count),
      label: `nearestDistances/${count}x${table.dim4 * 4}`,
      cost: { flops: 3 * count * table.dim4 * 4, bytes: count * table.dim4 * 16 },
    });
}
