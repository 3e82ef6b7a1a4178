/** @file Launch of several matrix products of one size, each with its own packed right side: one dispatch for all. */
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";
import {
  bySubgroup,
  hasEdge,
  leftInTexture,
  outerTile,
  readsTextures,
  textureTile,
  WORKGROUP_STEP,
  workgroupSide,
  workgroupTile,
} from "./tiles.js";

/** left [n, M, K] · packed [n, panels, K, 32] → output [n, M, N]; only `packed` must have this very shape. */
export function batchedProduct(device: Device, left: Tensor, packed: Tensor, output: Tensor, label: string): void {
  const [n, panels, K] = packed.shape;
  const M = left.elements / n / K;
  const N = output.elements / n / M;
  const about = {
    writes: [output],
    label: `${label}/${n}x${M}x${K}>${N}`,
    cost: { flops: 2 * n * M * K * N, bytes: left.bytes + packed.bytes + output.bytes },
  };
  if (bySubgroup(device)) {
    const lanes = device.caps.subgroupSize;
    const texture = readsTextures(device, packed);
    const tile = texture
      ? textureTile(lanes, M, N)
      : outerTile(lanes, lanes === 4 || M <= 16 ? 16 : 32, lanes === 4 ? 2 : 1);
    const rowTiles = Math.ceil(M / tile.rows);
    const colTiles = Math.ceil(N / tile.columns);
    const leftSheet = leftInTexture(device, tile, left) ? device.toSheet(left) : undefined;
    device.dispatch({
      ...about,
      shader: "conv/batched_product.wgsl",
      constants: { ...tile.constants, LEFT_SHEET: leftSheet ? 1 : 0, EDGE: hasEdge(tile, N) },
      reads: [leftSheet ?? left, texture ? device.sheetOf(packed) : packed],
      sheets: (leftSheet ? 0b01 : 0) | (texture ? 0b10 : 0),
      params: [M, K / 4, N / 4, panels, rowTiles, colTiles, n, tile.rows],
      groups: n * rowTiles * colTiles,
    });
    leftSheet?.free();
    return;
  }
  const tile = workgroupTile(workgroupSide(device), M, N, n);
  const rowTiles = Math.ceil(M / tile.rows);
  const colTiles = Math.ceil(N / tile.columns);
  const zeros = device.zeros(N);
  device.dispatch({
    ...about,
    shader: tile.shader,
    constants: { ...tile.constants, PLAIN: K % WORKGROUP_STEP === 0 ? 1 : 0 },
    reads: [left, packed, zeros, zeros],
    // biome-ignore format: one line for each line of the WGSL struct
    params: [
      1, M, K / 4, 1, M, N / 4,
      1, 1, 1, 1, 0, 0,
      0, M, 0, colTiles, rowTiles,
      0, 0, 0, 0, 0,
      n, (M * K) / 4, panels * K * 8, (M * N) / 4,
      1, K / 4,
      0,
    ],
    groups: n * rowTiles * colTiles,
  });
}
