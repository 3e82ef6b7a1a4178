// Winograd F(4×4, 3×3), third step: the 4 × 4 outputs Aᵀ M A of each tile, with bias, residual and ReLU.
// An invocation owns four output channels of one tile.  M [36, tiles, O], called input → y [N, H, W, O]
//# const LEFT_SHEET = 0
//# const RESIDUAL = 0
// software drivers: stores in a loop, for each is some hundred instructions
//# const LOOP = 0
struct Params {
  H: u32, W: u32, O4: u32, tilesX: u32, tilesY: u32,
  firstTile: u32, tiles: u32, outOffset: u32, count: u32, relu: u32,
  outputs: u32,  // 16, from outside so that no driver unrolls the loop
}
@group(0) @binding(0) var<uniform> p: Params;
//# if LEFT_SHEET
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
//# end
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
//# include "conv/left_sheet.wgsl"
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
    inputAt(i + ${u}u * plane), inputAt(i + ${u + 6}u * plane), inputAt(i + ${u + 12}u * plane),
    inputAt(i + ${u + 18}u * plane), inputAt(i + ${u + 24}u * plane), inputAt(i + ${u + 30}u * plane)));
  //# end
  let b = bias[o4];
  var outputs: array<vec4f, 16>;
  //# for v in 0..4
  {
    let row = fromPoints(array<vec4f, 6>(m0[${v}], m1[${v}], m2[${v}], m3[${v}], m4[${v}], m5[${v}]));
    //# for u in 0..4
    outputs[${v * 4 + u}] = row[${u}] + b;
    //# end
  }
  //# end
  let relu = p.relu != 0u;
  let first = ((row0 + y0) * p.W + x0) * p.O4 + o4 - p.outOffset;
  //# if LOOP
  var k = 0u;
  loop {
    let v = k / 4u;
    let u = k % 4u;
    var sum = outputs[k];
    //# include "conv/winograd_pixel.wgsl"
    continuing { k++; break if k >= p.outputs; }
  }
  //# else
  //# for k in 0..16
  {
    let v = ${Math.floor(k / 4)}u;
    let u = ${k % 4}u;
    var sum = outputs[${k}];
    //# include "conv/winograd_pixel.wgsl"
  }
  //# end
  //# end
}
