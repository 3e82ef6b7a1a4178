// Gradient of the second step of Winograd F(4×4, 3×3) with respect to the filters: dU[p] = V[p]ᵀ · dM[p], a sum over
// tiles; added to what dU holds with ADD.  V [36, tiles, C], dM [36, tiles, O] → dU [36, panels, C, 32]
// V is called input here, dM weights: both may be in textures (conv/sheets.wgsl).
// One subgroup owns LANES·4 channels × LANES·CV·4 columns of one point (conv/outer_sum.wgsl).
//# const LANES = 8
//# const CV = 1
//# const ROW_LANES = LANES
//# const LEFT_SHEET = 0
//# const RIGHT_SHEET = 0
//# const ADD = 0
// the last tile's columns are not all there
//# const EDGE = 0
enable subgroups;
struct Params { tiles: u32, C4: u32, O4: u32, rowTiles: u32, colTiles: u32, panels: u32 }
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
@group(0) @binding(3) var<storage, read_write> dU: array<vec4f>;
//# include "conv/sheets.wgsl"

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  let rowTile = tile % p.rowTiles;
  let colTile = tile / p.rowTiles % p.colTiles;
  let point = tile / p.rowTiles / p.colTiles;
  if (point >= 36u) { return; }
  let c4 = min(rowTile * ${LANES}u + lane, p.C4 - 1u);
  let col = (colTile * ${LANES}u + lane) * ${CV}u;
  var s: array<vec4f, ${ROW_LANES * 4 * CV}>;
  var t = 0u;
  loop {
    //# for k in 0..4
    let m${k} = point * p.tiles + min(t + ${k}u, p.tiles - 1u);
    let a${k} = inputAt(m${k} * p.C4 + c4) * select(0.0, 1.0, t + ${k}u < p.tiles);
    //# for q in 0..CV
    let b${k}_${q} = weightsAt(m${k} * p.O4 + min(col + ${q}u, p.O4 - 1u));
    //# end
    //# end
    //# include "conv/outer_sum.wgsl"
    continuing { t += 4u; break if t >= p.tiles; }
  }
  let c0 = rowTile * ${LANES * 4}u;
  let rows = min(${ROW_LANES * 4}u, p.C4 * 4u - c0);
  let to = ((point * p.panels + col / 8u) * p.C4 * 4u + c0) * 8u + col % 8u;
  for (var r = 0u; r < rows; r++) {
    //# for q in 0..CV
    //# if EDGE
    if (col / 8u < p.panels)
    //# end
    {
      var sum = select(vec4f(), s[r * ${CV}u + ${q}u], col + ${q}u < p.O4);
      //# if ADD
      sum += dU[to + r * 8u + ${q}u];
      //# end
      dU[to + r * 8u + ${q}u] = sum;
    }
    //# end
  }
}
