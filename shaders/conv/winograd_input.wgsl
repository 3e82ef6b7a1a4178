// Winograd F(4×4, 3×3), first step: V[p, t, c] = (Bᵀ d B)[p] for the 6 × 6 input patch d of each tile t of 4 × 4 outputs
// and each channel c; p = 6·py + px. An invocation owns four channels of one tile.  x [N, H, W, C] → V [36, tiles, C], called out
//# const LEFT_SHEET = 0
struct Params {
  H: u32, W: u32, C4: u32, tilesX: u32, tilesY: u32, padY: u32, padX: u32,
  firstTile: u32, tiles: u32, inOffset: u32, count: u32,
  points: u32,  // 36, see winograd_store.wgsl
}
@group(0) @binding(0) var<uniform> p: Params;
//# if LEFT_SHEET
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
//# end
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
//# include "conv/left_sheet.wgsl"
//# include "conv/winograd.wgsl"

fn pixel(row0: i32, y: i32, column: i32, c4: u32) -> vec4f {
  let inside = y >= 0 && y < i32(p.H) && column >= 0 && column < i32(p.W);
  let at = ((row0 + y) * i32(p.W) + column) * i32(p.C4) + i32(c4) - i32(p.inOffset);
  return inputAt(u32(select(0, at, inside))) * select(0.0, 1.0, inside);
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
  //# for u in 0..6
  let d${u} = toPoints(array<vec4f, 6>(
    pixel(row0, y0, x0 + ${u}, c4), pixel(row0, y0 + 1, x0 + ${u}, c4), pixel(row0, y0 + 2, x0 + ${u}, c4),
    pixel(row0, y0 + 3, x0 + ${u}, c4), pixel(row0, y0 + 4, x0 + ${u}, c4), pixel(row0, y0 + 5, x0 + ${u}, c4)));
  //# end
  var points: array<vec4f, 36>;
  //# for v in 0..6
  {
    let row = toPoints(array<vec4f, 6>(d0[${v}], d1[${v}], d2[${v}], d3[${v}], d4[${v}], d5[${v}]));
    //# for u in 0..6
    points[${v * 6 + u}] = row[${u}];
    //# end
  }
  //# end
  let plane = p.tiles * p.C4;
  //# include "conv/winograd_store.wgsl"
}
