// Gradient of the second step of Winograd F(4×4, 3×3) with respect to the filters: dU[p] = V[p]ᵀ · dM[p], a sum over
// tiles; added to what dU holds where `add` is set.  V [36, tiles, C], dM [36, tiles, O] → dU [36, panels, C, 32]
// One subgroup owns LANES·4 channels × LANES·CV·4 = 32 columns of one point (conv/outer_sum.wgsl).
//# const LANES = 8
//# const CV = 1
enable subgroups;
struct Params { tiles: u32, C4: u32, O4: u32, rowTiles: u32, panels: u32, add: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> V: array<vec4f>;
@group(0) @binding(2) var<storage, read> dM: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dU: array<vec4f>;

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  let rowTile = tile % p.rowTiles;
  let panel = tile / p.rowTiles % p.panels;
  let point = tile / p.rowTiles / p.panels;
  if (point >= 36u) { return; }
  let c4 = min(rowTile * ${LANES}u + lane, p.C4 - 1u);
  let col = panel * 8u + lane * ${CV}u;
  var s: array<vec4f, ${LANES * 4 * CV}>;
  for (var t = 0u; t < p.tiles; t += 4u) {
    //# for k in 0..4
    let m${k} = point * p.tiles + min(t + ${k}u, p.tiles - 1u);
    let a${k} = V[m${k} * p.C4 + c4] * select(0.0, 1.0, t + ${k}u < p.tiles);
    //# for q in 0..CV
    let b${k}_${q} = dM[m${k} * p.O4 + min(col + ${q}u, p.O4 - 1u)];
    //# end
    //# end
    //# include "conv/outer_sum.wgsl"
  }
  let c0 = rowTile * ${LANES * 4}u;
  let rows = min(${LANES * 4}u, p.C4 * 4u - c0);
  for (var r = 0u; r < rows; r++) {
    let at = ((point * p.panels + panel) * p.C4 * 4u + c0 + r) * 8u + lane * ${CV}u;
    //# for q in 0..CV
    var sum${q} = select(vec4f(), s[r * ${CV}u + ${q}u], col + ${q}u < p.O4);
    if (p.add != 0u) { sum${q} += dU[at + ${q}u]; }
    dU[at + ${q}u] = sum${q};
    //# end
  }
}
