/**
 * @file The ladder: every version of the matrix product and of the 3×3 convolution that taught something, from naive to
 * best. A step knows what it should cost by the unit costs of a software driver, in nanoseconds for eight lanes:
 * multiply-add 0.55, scalar storage load 12, a vec4's component 7.5 (5.2 when all lanes want the same), component of a
 * vec4 of workgroup memory 4.9, scalar 10, a texel of four numbers 12, broadcast 2.9. The prediction is multiply-add time
 * over total time.
 */
import type { Device } from "../../engine/device.js";
import type { Dispatch } from "../../engine/recorder.js";
import type { Tensor } from "../../engine/tensor.js";

const MULTIPLY_ADD = 0.55;
const LOAD = 12;
const LOAD4 = 4 * 7.5;
const LOAD4_SAME = 4 * 5.2;
const LOAD_TEXEL = 12;
const LOCAL = 10;
const LOCAL4 = 4 * 4.9;
const BROADCAST = 2.9;

/** Operands on the device. Sizes are multiples of 64. */
export interface GemmOperands {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: Tensor;
  /** [K][N] */
  readonly right: Tensor;
  /** Panels of 32 columns. */
  readonly packed: Tensor;
  readonly output: Tensor;
}

export interface Step {
  readonly name: string;
  /** What is new in it. */
  readonly idea: string;
  /** Nanoseconds of everything but arithmetic, for one multiply-add of eight lanes. */
  readonly overhead: number;
  readonly run: (device: Device, operands: GemmOperands) => void;
  readonly needsSubgroups?: boolean;
  /** Lanes that it has rows for; default 16. */
  readonly mostLanes?: number;
}

/** Share of the multiply-add peak that a step should reach. */
export const predicted = ({ overhead }: { readonly overhead: number }): number =>
  MULTIPLY_ADD / (MULTIPLY_ADD + overhead);

/** Loads and broadcasts of the subgroup kernel, four k at a time. */
const subgroupOverhead = (rows: number): number => ((rows / 8 + 8) * LOAD4 + 4 * rows * BROADCAST) / (32 * rows);

/** Columns of K that a pass of the blocked version walks through. */
const K_BLOCK = 256;

export const GEMM_STEPS: readonly Step[] = [
  {
    name: "naive",
    idea: "one output an invocation",
    overhead: 2 * LOAD,
    run: (device, o) => launch(device, "naive", {}, o, o.right, (o.m * o.n) / 64),
  },
  {
    name: "16x16 shared",
    idea: "both operands through workgroup memory",
    overhead: 2 * LOCAL + (2 * LOAD + 2 * LOCAL) / 16,
    run: (device, o) => launch(device, "shared16", {}, o, o.right, (o.m * o.n) / 256),
  },
  {
    name: "64x64 shared + registers",
    idea: "4x4 outputs an invocation",
    overhead: (LOCAL4 + 4 * LOCAL) / 16 + (2 * LOAD4 + 2 * LOCAL4) / 256,
    run: (device, o) => launch(device, "shared64", {}, o, o.right, (o.m * o.n) / 4096),
  },
  {
    name: "registers only",
    idea: "8x8 outputs an invocation, no barrier",
    overhead: (8 * LOAD4_SAME + 8 * LOAD4) / 256,
    run: (device, o) => launch(device, "registers", {}, o, o.packed, (o.m * o.n) / 512),
  },
  subgroup("subgroup 8 rows, k outside", "left values by broadcast", 8, 0),
  subgroup("subgroup 8 rows", "rows outside: sums spill once for four k", 8, 1),
  subgroup("subgroup 16 rows", "more work a load", 16, 1),
  subgroup("subgroup 32 rows", "more still; compiles three times as long", 32, 1),
  subgroup("subgroup 16 rows, pairwise", "a quarter of the roundings", 16, 2),
  subgroup("subgroup 32 rows, pairwise", "the same with 32 rows", 32, 2),
  {
    name: "16 rows, pairwise, K in 256",
    idea: "the right panel stays in the cache",
    overhead: subgroupOverhead(16) + (4 * LOAD4) / (8 * K_BLOCK),
    needsSubgroups: true,
    run(device, o) {
      for (let k = 0; k < o.k; k += K_BLOCK) subgroupLaunch(device, o, 16, 2, k, Math.min(o.k, k + K_BLOCK));
    },
  },
  narrow("32x32, pairwise", "half as wide: the loop's body fits the instruction cache", 0),
  narrow("32x32, pairwise, stores in a loop", "so does what follows it", 1),
  textures("32x64, right operand in a texture", "a texel is loaded whole: no mask, bound and insertion a number", 0b10),
  textures("32x64, both in textures", "what the engine does with eight lanes", 0b11),
];

/** The narrow kernel's loop with operands in textures, two vec4 of columns a lane. */
function textures(name: string, idea: string, sheets: number): Step {
  const LEFT_SHEET = sheets & 1;
  const left = LEFT_SHEET ? LOAD_TEXEL : LOAD4;
  return {
    name,
    idea,
    overhead: (4 * left + 8 * LOAD_TEXEL + 4 * 32 * BROADCAST) / (32 * 32),
    needsSubgroups: true,
    run(device, o) {
      const lanes = device.caps.subgroupSize;
      const constants = { LANES: lanes, CV: 2, LEFT_SHEET, RIGHT_SHEET: 1 };
      const operands = LEFT_SHEET ? { ...o, left: device.sheetOf(o.left) } : o;
      launch(
        device,
        "narrow",
        constants,
        operands,
        device.sheetOf(o.packed),
        (o.m / 32) * (o.n / (lanes * 8)),
        [],
        sheets,
      );
    },
  };
}

/** The subgroup kernel on tiles of half the width. */
function narrow(name: string, idea: string, LOOP: number): Step {
  return {
    name,
    idea,
    overhead: (8 * LOAD4 + 4 * 32 * BROADCAST) / (16 * 32),
    needsSubgroups: true,
    run(device, o) {
      const lanes = device.caps.subgroupSize;
      launch(device, "narrow", { LANES: lanes, LOOP }, o, o.packed, (o.m / 32) * (o.n / (lanes * 4)));
    },
  };
}

function subgroup(name: string, idea: string, rows: number, order: number): Step {
  return {
    name,
    idea,
    overhead: subgroupOverhead(rows),
    needsSubgroups: true,
    mostLanes: rows,
    run: (device, o) => subgroupLaunch(device, o, rows, order, 0, o.k),
  };
}

/** The subgroup kernel on [kBegin, kEnd); later parts add to earlier ones. */
export function subgroupLaunch(
  device: Device,
  o: GemmOperands,
  rows: number,
  order: number,
  kBegin: number,
  kEnd: number,
): void {
  const lanes = device.caps.subgroupSize;
  const constants = { LANES: lanes, ROWS: rows, ORDER: order };
  const groups = (o.m / rows) * (o.n / (lanes * 8));
  launch(device, "subgroup", constants, o, o.packed, groups, [kBegin, kEnd, kBegin ? 1 : 0]);
}

function launch(
  device: Device,
  file: string,
  constants: Dispatch["constants"],
  { m, n, k, left, output }: GemmOperands,
  right: Tensor,
  groups: number,
  more: readonly number[] = [],
  sheets = 0,
): void {
  device.dispatch({
    shader: `../bench/ladder/${file}.wgsl`,
    constants,
    reads: [left, right],
    sheets,
    writes: [output],
    params: [m, n, k, ...more],
    groups,
    label: `ladder/${file}`,
    cost: { flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + m * n) },
  });
}
