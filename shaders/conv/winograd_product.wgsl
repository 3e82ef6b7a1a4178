// Winograd F(4×4, 3×3), second step: thirty-six matrix products M[p] = V[p] · U[p], by the subgroup outer product
// (conv/outer_product.wgsl).  V [36, tiles, C], U [36, panels, C, 32] → M [36, tiles, O]
//# const LANES = 8
//# const CV = 1
//# const ROWS = 32
enable subgroups;
struct Params { tiles: u32, C4: u32, O4: u32, panels: u32, rowTiles: u32, colTiles: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> V: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> M: array<vec4f>;

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  let row0 = tile % p.rowTiles * ${ROWS}u;
  let colTile = tile / p.rowTiles % p.colTiles;
  let point = tile / p.rowTiles / p.colTiles;
  if (point >= 36u) { return; }
  let col = (colTile * ${LANES}u + lane) * ${CV}u;
  var w = ((point * p.panels + col / 8u) * p.C4 * 4u) * 8u + col % 8u;
  //# for j in 0..ROWS/LANES
  let at${j} = (point * p.tiles + min(row0 + ${j * LANES}u + lane, p.tiles - 1u)) * p.C4;
  //# end
  var s: array<vec4f, ${ROWS * CV}>;
  for (var c = 0u; c < p.C4; c++) {
    //# for j in 0..ROWS/LANES
    let a${j} = V[at${j} + c];
    //# end
    //# include "conv/outer_product.wgsl"
  }
  let rows = min(${ROWS}u, p.tiles - row0);
  for (var r = 0u; r < rows; r++) {
    let out = (point * p.tiles + row0 + r) * p.O4 + col;
    //# for q in 0..CV
    if (col + ${q}u < p.O4) { M[out + ${q}u] = s[r * ${CV}u + ${q}u]; }
    //# end
  }
}
