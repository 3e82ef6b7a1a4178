/**
 * @file Gradient of the filters of a Winograd convolution (engine/ops/winograd.ts), the way back of its three steps:
 *
 *   dM = A dy Aᵀ,   dU = Σ_tiles Vᵀ dM,   dg = Gᵀ dU G
 *
 * The gradient of the input needs no code of its own: it is a convolution with turned weights and goes the same way.
 */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import { windowOf } from "../windows.js";
import type { Conv2dAttrs } from "./conv2d-attrs.js";
import { groupsFor } from "./launch.js";
import { outerSumTile } from "./outer-sum.js";
import { PANEL } from "./pack.js";
import { inputOf, POINTS, tileChunks, transformInput } from "./winograd.js";

/** x [N, H, W, C] and dz [N, OH, OW, O] → gradient of the packed weights [panels, 9·C, 32]. */
export function winogradWeightGradient(
  device: Device,
  a: Conv2dAttrs,
  x: Tensor,
  dz: Tensor,
  packedShape: readonly number[],
): Tensor {
  const [, OH, OW, O] = dz.shape;
  const C = x.shape[3];
  const panels = packedShape[0];
  return device.scope(() => {
    const input = inputOf(device, x);
    const dU = device.empty([POINTS, panels, C, 32], "f32", "winograd filter gradient");
    for (const [i, chunk] of tileChunks(device, a, x.shape, dz.shape).entries()) {
      device.scope(() => {
        const V = transformInput(device, a, input, chunk);
        const { tiles, tilesX, tilesY, firstTile, outRows } = chunk;
        const out = windowOf(device, dz, outRows[0] * OW * O, outRows[1] * OW * O);
        const dM = device.empty([POINTS, tiles, O], "f32", "winograd product gradient");
        device.dispatch({
          shader: "conv/winograd_output_gradient.wgsl",
          constants: {},
          reads: [out.window],
          writes: [dM],
          params: [OH, OW, O / 4, tilesX, tilesY, firstTile, tiles, out.shift / 4, (tiles * O) / 4, 4, 6],
          groups: groupsFor((tiles * O) / 4),
          label: `winogradOutputGradient/${OH}x${OW}x${O}`,
          cost: { flops: 100 * tiles * O, bytes: 4 * (tiles * 16 * O + dM.elements) },
        });
        addProduct(device, V, dM, dU, i > 0);
        return undefined;
      });
    }
    const gradient = device.empty(packedShape, "f32", "weight gradient");
    const count = gradient.elements / 36;
    device.dispatch({
      shader: "conv/winograd_weights_gradient.wgsl",
      constants: {},
      reads: [dU],
      writes: [gradient],
      params: [C, panels, count, 6],
      groups: groupsFor(count),
      label: `winogradWeightsGradient/${panels}x${C}`,
      cost: { flops: 0, bytes: dU.bytes + gradient.bytes },
    });
    return gradient;
  });
}

/** dU = V [36, tiles, C]ᵀ · dM [36, tiles, O], or that added to it. */
function addProduct(device: Device, V: Tensor, dM: Tensor, dU: Tensor, add: boolean): void {
  const [, tiles, C] = V.shape;
  const O = dM.shape[2];
  const panels = dU.shape[1];
  const tile = outerSumTile(device, V, dM);
  const rowTiles = Math.ceil(C / tile.rows);
  const colTiles = Math.ceil((panels * PANEL) / tile.columns);
  device.dispatch({
    shader: "conv/winograd_product_gradient.wgsl",
    constants: { ...tile.constants, ADD: add ? 1 : 0, EDGE: (panels * PANEL) % tile.columns ? 1 : 0 },
    reads: tile.operands,
    sheets: tile.sheets,
    writes: [dU],
    params: [tiles, C / 4, O / 4, rowTiles, colTiles, panels],
    groups: POINTS * rowTiles * colTiles,
    label: `winogradProductGradient/${tiles}x${C}>${O}`,
    cost: { flops: 2 * POINTS * tiles * C * O, bytes: V.bytes + dM.bytes + dU.bytes },
  });
}
