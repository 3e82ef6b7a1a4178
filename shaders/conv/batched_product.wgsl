// Several matrix products of one size, each with its own packed right side, by the subgroup outer product
// (conv/outer_product.wgsl): out[b] = left[b] · W[b].   left [n, M, K], W [n, panels, K, 32] → out [n, M, N]
// The products at the points of Winograd's convolution are such, and LIT's for a batch of images.
//# const LANES = 8
//# const CV = 1
//# const ROWS = 32
enable subgroups;
struct Params { M: u32, K4: u32, N4: u32, panels: u32, rowTiles: u32, colTiles: u32, batches: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  let row0 = tile % p.rowTiles * ${ROWS}u;
  let colTile = tile / p.rowTiles % p.colTiles;
  let batch = tile / p.rowTiles / p.colTiles;
  if (batch >= p.batches) { return; }
  let col = (colTile * ${LANES}u + lane) * ${CV}u;
  var w = ((batch * p.panels + col / 8u) * p.K4 * 4u) * 8u + col % 8u;
  //# for j in 0..ROWS/LANES
  let at${j} = (batch * p.M + min(row0 + ${j * LANES}u + lane, p.M - 1u)) * p.K4;
  //# end
  var s: array<vec4f, ${ROWS * CV}>;
  for (var k = 0u; k < p.K4; k++) {
    //# for j in 0..ROWS/LANES
    let a${j} = left[at${j} + k];
    //# end
    //# include "conv/outer_product.wgsl"
  }
  let rows = min(${ROWS}u, p.M - row0);
  for (var r = 0u; r < rows; r++) {
    let to = (batch * p.M + row0 + r) * p.N4 + col;
    //# for q in 0..CV
    if (col + ${q}u < p.N4) { out[to + ${q}u] = s[r * ${CV}u + ${q}u]; }
    //# end
  }
}
