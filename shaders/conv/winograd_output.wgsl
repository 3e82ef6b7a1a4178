// Winograd F(4×4, 3×3), third step: the 4 × 4 outputs Aᵀ M A of each tile, with bias, residual and ReLU.
// An invocation owns four output channels of one tile.  M [36, tiles, O] → y [N, H, W, O]
//# const RESIDUAL = 0
struct Params {
  H: u32, W: u32, O4: u32, tilesX: u32, tilesY: u32,
  firstTile: u32, tiles: u32, outOffset: u32, count: u32, relu: u32,
  side: u32,  // 6, from outside so that no driver unrolls the loop
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
  var t4: array<vec4f, 24>;
  var u = 0u;
  loop {
    let at = i + u * plane;
    let column = fromPoints(array<vec4f, 6>(
      M[at], M[at + 6u * plane], M[at + 12u * plane], M[at + 18u * plane], M[at + 24u * plane], M[at + 30u * plane]));
    //# for v in 0..4
    t4[${v * 6}u + u] = column[${v}];
    //# end
    continuing { u++; break if u >= p.side; }
  }
  let b = bias[o4];
  let relu = p.relu != 0u;
  let rows = min(4u, p.H - y0);
  var v = 0u;
  loop {
    let k = v * 6u;
    let row = fromPoints(array<vec4f, 6>(t4[k], t4[k + 1u], t4[k + 2u], t4[k + 3u], t4[k + 4u], t4[k + 5u]));
    let at = ((row0 + y0 + v) * p.W + x0) * p.O4 + o4 - p.outOffset;
    //# for u in 0..4
    if (x0 + ${u}u < p.W) {
      var sum = row[${u}] + b;
      //# if RESIDUAL
      sum += residual[at + ${u}u * p.O4];
      //# end
      y[at + ${u}u * p.O4] = select(sum, max(sum, vec4f()), relu);
    }
    //# end
    continuing { v++; break if v >= rows; }
  }
}
