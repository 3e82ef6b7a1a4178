// Winograd F(4×4, 3×3), third step: the 4 × 4 outputs Aᵀ M A of each tile, with bias, residual and ReLU.
// An invocation owns four output channels of one tile.  M [36, tiles, O] → y [N, H, W, O]
struct Params {
  H: u32, W: u32, O4: u32, tilesX: u32, tilesY: u32,
  firstTile: u32, tiles: u32, outOffset: u32, count: u32, relu: u32, residual: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> M: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
//# include "conv/winograd.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let o4 = i % p.O4;
  let t = i / p.O4;
  let tile = p.firstTile + t;
  let y0 = (tile / p.tilesX) % p.tilesY * 4u;
  let x0 = tile % p.tilesX * 4u;
  let row0 = tile / (p.tilesX * p.tilesY) * p.H;
  let plane = p.tiles * p.O4;
  //# for u in 0..6
  let m${u} = fromPoints(array<vec4f, 6>(
    M[i + ${u}u * plane], M[i + ${u + 6}u * plane], M[i + ${u + 12}u * plane],
    M[i + ${u + 18}u * plane], M[i + ${u + 24}u * plane], M[i + ${u + 30}u * plane]));
  //# end
  let b = bias[o4];
  //# for v in 0..4
  let r${v} = fromPoints(array<vec4f, 6>(m0[${v}], m1[${v}], m2[${v}], m3[${v}], m4[${v}], m5[${v}]));
  //# for u in 0..4
  if (y0 + ${v}u < p.H && x0 + ${u}u < p.W) {
    let at = ((row0 + y0 + ${v}u) * p.W + x0 + ${u}u) * p.O4 + o4 - p.outOffset;
    var sum = r${v}[${u}] + b;
    if (p.residual != 0u) { sum += residual[at]; }
    if (p.relu != 0u) { sum = max(sum, vec4f()); }
    y[at] = sum;
  }
  //# end
  //# end
}
