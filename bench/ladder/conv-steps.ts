/** @file The ladder of the 3×3 convolution: direct, as a matrix by im2col, and the implicit GEMM kernels that are shipped. */
import type { Device } from "../../engine/device.js";
import { run } from "../../engine/op.js";
import { type ConvVariant, conv2d, forceConvVariant } from "../../engine/ops/conv2d.js";
import type { Tensor } from "../../engine/tensor.js";
import { subgroupLaunch } from "./steps.js";

/** A 3×3 convolution with one pixel of padding, without bias. H·W, C and O are multiples of 64. */
export interface ConvOperands {
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly O: number;
  readonly input: Tensor;
  readonly packed: Tensor;
  /** [H·W][9·C], for im2col. */
  readonly columns: Tensor;
  readonly output: Tensor;
}

export interface ConvStep {
  readonly name: string;
  readonly idea: string;
  readonly needsSubgroups?: boolean;
  /** A tile of more lanes is wider than the columns that there are; default 16. */
  readonly mostLanes?: number;
  /** Returns the result: `output`, or a tensor to be freed. */
  readonly run: (device: Device, operands: ConvOperands) => Tensor;
}

const shipped = (variant: ConvVariant | undefined, name: string, idea: string): ConvStep => ({
  name,
  idea,
  needsSubgroups: variant === "subgroup" || variant === "texture" || variant === "winograd",
  run(device, { O, input, packed }) {
    const attrs = { outChannels: O, kernel: [3, 3], stride: 1, padding: [1, 1], dilation: 1, relu: false } as const;
    forceConvVariant(variant);
    try {
      return run(device, conv2d, [input, packed, device.zeros(O)], attrs);
    } finally {
      forceConvVariant(undefined);
    }
  },
});

export const CONV_STEPS: readonly ConvStep[] = [
  {
    name: "direct",
    idea: "four channels of a pixel an invocation",
    run(device, { H, W, C, O, input, packed, output }) {
      device.dispatch({
        shader: "../bench/ladder/direct_conv.wgsl",
        constants: {},
        reads: [input, packed],
        writes: [output],
        params: [H, W, C / 4, O / 4],
        groups: Math.ceil((H * W * O) / 256),
        label: "ladder/direct_conv",
        cost: { flops: 18 * H * W * C * O, bytes: 0 },
      });
      return output;
    },
  },
  {
    name: "im2col + subgroup 16 rows",
    idea: "the best GEMM on nine times the input",
    needsSubgroups: true,
    mostLanes: 8,
    run(device, { H, W, C, O, input, packed, columns, output }) {
      device.dispatch({
        shader: "../bench/ladder/im2col.wgsl",
        constants: {},
        reads: [input],
        writes: [columns],
        params: [H, W, C / 4],
        groups: Math.ceil((H * W * 9 * C) / 256),
        label: "ladder/im2col",
        cost: { flops: 0, bytes: 4 * 10 * H * W * C },
      });
      const operands = { m: H * W, n: O, k: 9 * C, left: columns, right: packed, packed, output };
      subgroupLaunch(device, operands, 16, 2, 0, 9 * C);
      return output;
    },
  },
  shipped("workgroup", "implicit GEMM, workgroup tile", "addresses instead of a matrix; for GPUs"),
  shipped("registers", "implicit GEMM, registers", "no barrier, no subgroup operation"),
  shipped("subgroup", "implicit GEMM, subgroup", "the outer product on addresses"),
  shipped("texture", "implicit GEMM, textures", "the same with both operands in textures"),
  shipped("winograd", "Winograd F(4x4, 3x3)", "36 products at points: 4 times fewer multiply-adds"),
  shipped(undefined, "what the engine chooses", "by capability of the device"),
];
