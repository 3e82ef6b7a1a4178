// Gradient of the third step of Winograd F(4×4, 3×3): dM[p, t, o] = (A dy Aᵀ)[p] for the 4 × 4 output gradients of each
// tile, zero where the tile reaches over the edge. An invocation owns four channels of one tile.
// dy [N, H, W, O] → dM [36, tiles, O]
struct Params {
  H: u32, W: u32, O4: u32, tilesX: u32, tilesY: u32, firstTile: u32, tiles: u32, inOffset: u32, count: u32,
  four: u32, six: u32,  // 4 and 6, from outside so that no driver unrolls the loops
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dM: array<vec4f>;
//# include "conv/winograd.wgsl"

fn pixel(first: u32, y: u32, x: u32) -> vec4f {
  let inside = y < p.H && x < p.W;
  return dy[select(0u, first + (y * p.W + x) * p.O4, inside)] * select(0.0, 1.0, inside);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let o4 = i % p.O4;
  let t = i / p.O4;
  let tile = p.firstTile + t;
  let y0 = (tile / p.tilesX) % p.tilesY * 4u;
  let x0 = tile % p.tilesX * 4u;
  let first = tile / (p.tilesX * p.tilesY) * p.H * p.W * p.O4 + o4 - p.inOffset;
  var t6: array<vec4f, 24>;
  for (var u = 0u; u < p.four; u++) {
    let x = x0 + u;
    let column = gradientToPoints(array<vec4f, 4>(
      pixel(first, y0, x), pixel(first, y0 + 1u, x), pixel(first, y0 + 2u, x), pixel(first, y0 + 3u, x)));
    //# for v in 0..6
    t6[${v * 4}u + u] = column[${v}];
    //# end
  }
  let plane = p.tiles * p.O4;
  for (var v = 0u; v < p.six; v++) {
    let k = v * 4u;
    let row = gradientToPoints(array<vec4f, 4>(t6[k], t6[k + 1u], t6[k + 2u], t6[k + 3u]));
    //# for u in 0..6
    dM[i + (v * 6u + ${u}u) * plane] = row[${u}];
    //# end
  }
}
