// Winograd F(4×4, 3×3), first step: V[p, t, c] = (Bᵀ d B)[p] for the 6 × 6 input patch d of each tile t of 4 × 4 outputs
// and each channel c; p = 6·py + px. An invocation owns four channels of one tile.  x [N, H, W, C] → V [36, tiles, C]
struct Params {
  H: u32, W: u32, C4: u32, tilesX: u32, tilesY: u32, padY: u32, padX: u32,
  firstTile: u32, tiles: u32, inOffset: u32, count: u32,
  side: u32,  // 6, from outside so that no driver unrolls the loops: the code would leave the instruction cache
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> V: array<vec4f>;
//# include "conv/winograd.wgsl"

fn pixel(row0: i32, y: i32, column: i32, c4: u32) -> vec4f {
  let inside = y >= 0 && y < i32(p.H) && column >= 0 && column < i32(p.W);
  let at = ((row0 + y) * i32(p.W) + column) * i32(p.C4) + i32(c4) - i32(p.inOffset);
  return x[u32(select(0, at, inside))] * select(0.0, 1.0, inside);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let c4 = i % p.C4;
  let t = i / p.C4;
  let tile = p.firstTile + t;
  let y0 = i32((tile / p.tilesX) % p.tilesY * 4u) - i32(p.padY);
  let x0 = i32(tile % p.tilesX * 4u) - i32(p.padX);
  let row0 = i32(tile / (p.tilesX * p.tilesY) * p.H);
  var t6: array<vec4f, 36>;
  var u = 0u;
  loop {
    let x = x0 + i32(u);
    let column = toPoints(array<vec4f, 6>(
      pixel(row0, y0, x, c4), pixel(row0, y0 + 1, x, c4), pixel(row0, y0 + 2, x, c4),
      pixel(row0, y0 + 3, x, c4), pixel(row0, y0 + 4, x, c4), pixel(row0, y0 + 5, x, c4)));
    //# for v in 0..6
    t6[${v * 6}u + u] = column[${v}];
    //# end
    continuing { u++; break if u >= p.side; }
  }
  let plane = p.tiles * p.C4;
  var v = 0u;
  loop {
    let k = v * 6u;
    let row = toPoints(array<vec4f, 6>(t6[k], t6[k + 1u], t6[k + 2u], t6[k + 3u], t6[k + 4u], t6[k + 5u]));
    let out = k * plane + t * p.C4 + c4;
    //# for u in 0..6
    V[out + ${u}u * plane] = row[${u}];
    //# end
    continuing { v++; break if v >= p.side; }
  }
}
