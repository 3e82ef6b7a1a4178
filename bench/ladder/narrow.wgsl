// Steps 12 and 13. The subgroup outer product on a tile of 32 rows × LANES·4 columns, half as wide as before: one vec4 a k
// instead of two, so that the body of the loop is short enough for the processor's instruction cache.
//
//   LOOP 0   thirty-two stores one after the other
//   LOOP 1   the stores in a loop, the sums in an array: what the engine's kernels do (conv/outer_product.wgsl)
//
// Steps 14 and 15: the same with the right operand (RIGHT_SHEET), then both (LEFT_SHEET too) in textures, a lane with CV vec4.
//# const LANES = 8
//# const ROWS = 32
//# const CV = 1
//# const LOOP = 1
//# const LEFT_SHEET = 0
//# const RIGHT_SHEET = 0
enable subgroups;
struct Params { M: u32, N: u32, K: u32 }
@group(0) @binding(0) var<uniform> p: Params;
//# if LEFT_SHEET
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(1) var<storage, read> input: array<vec4f>;     // [M][K]
//# end
//# if RIGHT_SHEET
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;   // panels [N/32][K][32]
//# end
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
//# include "conv/sheets.wgsl"

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let rowTiles = p.M / ${ROWS}u;
  let tile = wg.x + wg.y * 65535u;
  let row0 = (tile % rowTiles) * ${ROWS}u;
  let col = ((tile / rowTiles) * ${LANES}u + lane) * ${CV}u;
  var w = (col / 8u) * p.K * 8u + col % 8u;
  //# for j in 0..ROWS/LANES
  let at${j} = (row0 + ${j * LANES}u + lane) * (p.K / 4u);
  //# end
  var s: array<vec4f, ${ROWS * CV}>;
  for (var k4 = 0u; k4 < p.K / 4u; k4++) {
    //# for j in 0..ROWS/LANES
    let a${j} = inputAt(at${j} + k4);
    //# end
    //# include "conv/outer_product.wgsl"
  }
  //# if LOOP
  // a bound from outside, so that no driver unrolls
  let rows = min(${ROWS}u, p.M - row0);
  for (var r = 0u; r < rows; r++) {
    //# for q in 0..CV
    y[(row0 + r) * (p.N / 4u) + col + ${q}u] = s[r * ${CV}u + ${q}u];
    //# end
  }
  //# else
  //# for r in 0..ROWS
  y[(row0 + ${r}u) * (p.N / 4u) + col] = s[${r}];
  //# end
  //# end
}
