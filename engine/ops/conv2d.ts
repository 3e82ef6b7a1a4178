/**
 * @file 2-D convolution, NHWC, with bias, residual and ReLU in its epilogue; a matrix product is its 1×1 case.
 * Which tile, and whether 3×3 go by Winograd's way, is the device's choice (engine/tuning): subgroup outer product where
 * subgroups are small (software drivers), workgroup tile (GPUs), registers (anything); at half precision matrix units.
 */
import type { Device } from "../device.js";
import type { Exec } from "../exec.js";
import { expect, type Op, size } from "../op.js";
import type { Tensor } from "../tensor.js";
import { type Choices, candidatesOf } from "../tuning/choices.js";
import { rowStrips, seenRows, windowOf } from "../windows.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";
import { conv2dGradient } from "./conv2d-gradient.js";
import { matrixForward, matrixRuns, roundedOperands } from "./half-product.js";
import { PANEL } from "./pack.js";
import { type BatchKernel, partsOf, splitProduct } from "./split-product.js";
import {
  fitsSheet,
  hasEdge,
  leftInTexture,
  OUTER_PRODUCT,
  outerTile,
  plainness,
  type Tile,
  textureTile,
  WORKGROUP_STEP,
  workgroupSide,
  workgroupTile,
} from "./tiles.js";
import { winogradForward, winogradGains, winogradRuns } from "./winograd.js";

/** A tile, Winograd's way where the device can go it, or the tile of 16 or 32 rows that suits the subgroups. */
export type ConvVariant = "winograd" | "subgroup" | Choices["conv"];

const TILES: { readonly [K in Choices["conv"]]: (device: Device, rows: number, columns: number) => Tile } = {
  // one kernel for all: few rows are soon done, and another takes a second to compile
  texture: ({ caps }, _rows, columns) => textureTile(caps.subgroupSize, Number.POSITIVE_INFINITY, columns),
  subgroup32: ({ caps }) => outerTile(caps.subgroupSize, 32, 1),
  subgroup16: ({ caps }) => outerTile(caps.subgroupSize, 16, 2),
  workgroup128: (_device, rows, columns) => workgroupTile(128, rows, columns),
  workgroup: (_device, rows, columns) => workgroupTile(64, rows, columns),
  registers: () => ({ shader: "conv/registers.wgsl", constants: { ROWS: 8 }, rows: 8, columns: 128 }),
};

/** Products with K in parts: a k of a panel is 32 floats. */
const BATCHES: BatchKernel & { readonly shader: string } = {
  shader: "conv/workgroup.wgsl",
  tile: (device, rows, columns, batches) => workgroupTile(workgroupSide(device), rows, columns, batches),
  panelVec4s: 8,
  step: WORKGROUP_STEP,
};

let forced: ConvVariant | undefined;

/**
 * Makes every convolution use one variant, where the device can run it (else registers); undefined goes back to the
 * device's choice. For tests and measurements.
 */
export function forceConvVariant(variant: ConvVariant | undefined): void {
  forced = variant;
}

/** The tile for an output of so many rows and columns by these weights. */
function tileOf(device: Device, rows: number, columns: number, weights: Tensor): Tile {
  const { caps, choices } = device;
  const lanes = caps.subgroupSize;
  let variant = choices.conv;
  if (forced && forced !== "winograd") {
    const wanted = forced === "subgroup" ? (lanes === 4 ? "subgroup16" : "subgroup32") : forced;
    variant = candidatesOf(caps, "conv").includes(wanted) ? wanted : "registers";
  }
  if (variant === "texture" && !fitsSheet(device, weights)) variant = "subgroup32";
  return TILES[variant](device, rows, columns);
}

export const conv2d: Op<Conv2dAttrs> = {
  name: "conv2d",
  inputs: ["input [N,H,W,C]", "packed weights", "bias [O]", "residual?"],
  shape(a, [x, w, b, residual]) {
    expect(x.length === 4 && x[3] % 4 === 0, "conv2d", "input", "[N, H, W, C] with C a multiple of 4", x);
    const k = a.kernel[0] * a.kernel[1] * x[3];
    const panels = Math.ceil(a.outChannels / PANEL);
    expect(w[0] === panels && w[1] === k && w[2] === PANEL, "conv2d", "packed weights", [panels, k, PANEL], w);
    expect(a.outChannels % 4 === 0, "conv2d", "output channels", "a multiple of 4", a.outChannels);
    expect(b.length === 1 && b[0] === a.outChannels, "conv2d", "bias", [a.outChannels], b);
    const side = (i: 0 | 1) =>
      Math.floor((x[1 + i] + 2 * a.padding[i] - a.dilation * (a.kernel[i] - 1) - 1) / a.stride) + 1;
    const out = [x[0], side(0), side(1), a.outChannels];
    expect(out[1] > 0 && out[2] > 0, "conv2d", "input size", "at least the kernel", x);
    if (residual) expect(size(residual) === size(out), "conv2d", "residual", out, residual);
    return out;
  },
  forward(device, inputs, a, output) {
    if (device.precision === "f32") convolve(device, inputs, a, output);
    else if (matrixRuns(device, inputs, output)) {
      const [x, w] = inputs;
      matrixForward(device, inputs, a, output, this.cost(a, [x.shape, w.shape], output.shape));
    } else {
      const rounded = roundedOperands(device, inputs);
      convolve(device, rounded, a, output);
      rounded[0].free();
    }
  },
  reference([x, w, bias, residual], a) {
    const out = this.shape(a, [x.shape, w.shape, bias.shape]);
    const [N, H, W, C] = x.shape;
    const [, OH, OW, O] = out;
    const y = new Float64Array(size(out));
    const K = w.shape[1];
    for (let n = 0; n < N; n++)
      for (let oy = 0; oy < OH; oy++)
        for (let ox = 0; ox < OW; ox++)
          for (let o = 0; o < O; o++) {
            const at = ((n * OH + oy) * OW + ox) * O + o;
            let sum = bias.data[o];
            for (let ky = 0; ky < a.kernel[0]; ky++)
              for (let kx = 0; kx < a.kernel[1]; kx++) {
                const iy = oy * a.stride - a.padding[0] + ky * a.dilation;
                const ix = ox * a.stride - a.padding[1] + kx * a.dilation;
                if (iy < 0 || iy >= H || ix < 0 || ix >= W) continue;
                for (let c = 0; c < C; c++) {
                  const k = (ky * a.kernel[1] + kx) * C + c;
                  sum +=
                    x.data[((n * H + iy) * W + ix) * C + c] *
                    w.data[(Math.floor(o / PANEL) * K + k) * PANEL + (o % PANEL)];
                }
              }
            if (residual) sum += residual.data[at];
            y[at] = a.relu ? Math.max(0, sum) : sum;
          }
    return y;
  },
  gradient(context) {
    return conv2dGradient(context, this);
  },
  cost(_a, [x, w], out) {
    return { flops: 2 * size(out) * w[1], bytes: 4 * (size(x) + size(w) + size(out)) };
  },
};

/** In float32. */
function convolve(device: Device, inputs: readonly Tensor[], a: Conv2dAttrs, output: Tensor): void {
  const [x, w, bias, residual] = inputs;
  if (forced === "winograd" ? winogradRuns(device, a, w) : !forced && winogradGains(device, a, x.shape, w)) {
    winogradForward(device, inputs, a, output);
    return;
  }
  const [N, H, W, C] = x.shape;
  const [, OH, OW, O] = output.shape;
  const tile = tileOf(device, N * OH * OW, O, w);
  const parts = tile.shader === BATCHES.shader ? partsOf(device, a, x, w, output) : 1;
  if (parts > 1) {
    splitProduct(device, BATCHES, inputs, a, output, parts);
    return;
  }
  const strips = rowStrips(device, {
    outRows: N * OH,
    outRowBytes: OW * O * 4,
    inRows: N * H,
    inRowBytes: W * C * 4,
    needs: seenRows({ H, OH, stride: a.stride, padding: a.padding[0], reach: a.dilation * (a.kernel[0] - 1) + 1 }),
  });
  const K = w.shape[1];
  const sheet = tile.constants.RIGHT_SHEET ? device.sheetOf(w) : undefined;
  const left = leftInTexture(device, tile, x) ? device.toSheet(x) : undefined;
  let { constants } = tile;
  if (tile.shader === BATCHES.shader) constants = { ...constants, PLAIN: plainness(a, C, WORKGROUP_STEP) };
  if (tile.shader === OUTER_PRODUCT) constants = { ...constants, LEFT_SHEET: left ? 1 : 0, EDGE: hasEdge(tile, O) };
  const panelRange: [number, number][] = sheet
    ? [[0, w.shape[0]]]
    : panelStrips(device, w.shape[0], K, tile.columns / PANEL);
  for (const s of strips) {
    const input = left
      ? { window: left, shift: 0 }
      : windowOf(device, x, s.in0 * W * C, Math.max(s.in1, s.in0 + 1) * W * C);
    const out = windowOf(device, output, s.out0 * OW * O, s.out1 * OW * O);
    const extra = residual ? { ...out.window, tensor: residual } : bias;
    const rowTiles = Math.ceil(((s.out1 - s.out0) * OW) / tile.rows);
    for (const [p0, p1] of panelRange) {
      const weights = sheet ? { window: sheet, shift: 0 } : windowOf(device, w, p0 * K * PANEL, p1 * K * PANEL);
      const colTiles = Math.ceil(((p1 - p0) * PANEL) / tile.columns);
      device.dispatch({
        shader: tile.shader,
        constants,
        reads: [input.window, weights.window, bias, extra],
        sheets: (left ? 0b01 : 0) | (sheet ? 0b10 : 0),
        writes: [out.window],
        // biome-ignore format: one line for each line of the WGSL struct
        params: [
          H, W, C / 4, OH, OW, O / 4,
          a.kernel[0], a.kernel[1], a.stride, a.dilation, a.padding[0], a.padding[1],
          s.out0 * OW, s.out1 * OW, (p0 * PANEL) / tile.columns, colTiles, rowTiles,
          input.shift / 4, out.shift / 4, weights.shift / 4, a.relu ? 1 : 0, residual ? 1 : 0,
          1, 0, 0, 0,
          ...(a.dilation === 1 ? [1, (a.kernel[1] * C) / 4] : [a.kernel[1], C / 4]),
          0,
        ],
        groups: rowTiles * colTiles,
        label: `conv2d/${a.kernel.join("x")}s${a.stride}/${H}x${W}x${C}>${OH}x${OW}x${O}`,
        cost: conv2d.cost(a, [x.shape, w.shape], [1, s.out1 - s.out0, OW, Math.min(O, (p1 - p0) * PANEL)]),
      });
    }
  }
  left?.free();
}

/** Panels [begin, end) of packed weights that fit one binding, in whole tiles of columns. */
function panelStrips(device: Device, panels: number, K: number, panelsPerTile: number): [number, number][] {
  const bytes = K * PANEL * 4;
  const limit = device.maxBinding - 2 * device.caps.offsetAlignment;
  const most = Math.max(panelsPerTile, Math.floor(limit / bytes / panelsPerTile) * panelsPerTile);
  const strips: [number, number][] = [];
  for (let p = 0; p < panels; p += most) strips.push([p, Math.min(panels, p + most)]);
  return strips;
}

export interface LinearOptions {
  readonly bias?: Tensor;
  readonly residual?: Tensor;
  readonly relu?: boolean;
}

/**
 * Matrix product: rows [M, K] times a packed right operand → [M, N]. K and N are multiples of 4.
 * The bias defaults to zeros.
 */
export function matmul(exec: Exec, rows: Tensor, packed: Tensor, columns: number, options: LinearOptions = {}): Tensor {
  const [M, K] = rows.shape;
  const bias = options.bias ?? exec.device.zeros(columns);
  const inputs = [rows.view([1, M, 1, K]), packed, bias];
  if (options.residual) inputs.push(options.residual);
  const attrs = {
    outChannels: columns,
    kernel: [1, 1],
    stride: 1,
    padding: [0, 0],
    dilation: 1,
    relu: options.relu ?? false,
  } as const;
  return exec.run(conv2d, inputs, attrs).reshape([M, columns]);
}
