// Several matrix products of one size, each with its own packed right side, by the subgroup outer product
// (conv/outer_product.wgsl): out[b] = left[b] · W[b].   left [n, M, K], W [n, panels, K, 32] → out [n, M, N]
// The products at the points of Winograd's convolution are such, and LIT's for a batch of images.
//# const LANES = 8
//# const CV = 1
//# const ROWS = 32
//# const RIGHT_SHEET = 0
//# const LEFT_SHEET = 0
// the last tile's columns are not all there, and a lane owns more than one (conv/subgroup.wgsl)
//# const EDGE = 0
enable subgroups;
struct Params {
  M: u32, K4: u32, N4: u32, panels: u32, rowTiles: u32, colTiles: u32, batches: u32,
  rows: u32,  // ROWS, from outside so that no driver unrolls the loop of stores
}
@group(0) @binding(0) var<uniform> p: Params;
//# if LEFT_SHEET
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
//# end
//# if RIGHT_SHEET
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
//# end
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

//# include "conv/sheets.wgsl"

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  let row0 = tile % p.rowTiles * ${ROWS}u;
  let colTile = tile / p.rowTiles % p.colTiles;
  let batch = tile / p.rowTiles / p.colTiles;
  if (batch >= p.batches) { return; }
  //# if CV - 1
  let col = (colTile * ${LANES}u + lane) * ${CV}u;
  //# else
  let col = min(colTile * ${LANES}u + lane, p.N4 - 1u);
  //# end
  var w = ((batch * p.panels + col / 8u) * p.K4 * 4u) * 8u + col % 8u;
  //# for j in 0..ROWS/LANES
  let at${j} = (batch * p.M + min(row0 + ${j * LANES}u + lane, p.M - 1u)) * p.K4;
  //# end
  var s: array<vec4f, ${ROWS * CV}>;
  var k = 0u;
  loop {
    //# for j in 0..ROWS/LANES
    let a${j} = inputAt(at${j} + k);
    //# end
    //# include "conv/outer_product.wgsl"
    continuing { k++; break if k >= p.K4; }
  }
  let rows = min(p.rows, p.M - row0);
  // sums that are stored as they stand take Mesa's compiler three times as long as the whole kernel does else
  let one = f32(min(p.K4, 1u));
  for (var r = 0u; r < rows; r++) {
    let to = (batch * p.M + row0 + r) * p.N4 + col;
    //# for q in 0..CV
    //# if EDGE
    if (col + ${q}u < p.N4)
    //# end
    { out[to + ${q}u] = s[r * ${CV}u + ${q}u] * one; }
    //# end
  }
}
