// Winograd F(4×4, 3×3): U[p, c, o] = (G g Gᵀ)[p] of each 3 × 3 filter g, both sides in panels of 32 columns.
// packed [panels, 9·C, 32] → U [36, panels, C, 32], called out. An invocation owns four columns of one channel.
//# const LEFT_SHEET = 0
struct Params { C: u32, panels: u32, count: u32, points: u32 }  // points: 36, see winograd_store.wgsl
@group(0) @binding(0) var<uniform> p: Params;
//# if LEFT_SHEET
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
//# end
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
//# include "conv/left_sheet.wgsl"
//# include "conv/winograd.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let tap = p.C * 8u;
  let at = i / tap * 9u * tap + i % tap;
  //# for u in 0..3
  let g${u} = filterToPoints(array<vec4f, 3>(inputAt(at + ${u}u * tap), inputAt(at + ${u + 3}u * tap), inputAt(at + ${u + 6}u * tap)));
  //# end
  var points: array<vec4f, 36>;
  //# for v in 0..6
  {
    let row = filterToPoints(array<vec4f, 3>(g0[${v}], g1[${v}], g2[${v}]));
    //# for u in 0..6
    points[${v * 6 + u}] = row[${u}];
    //# end
  }
  //# end
  let plane = p.panels * tap;
  //# include "conv/winograd_store.wgsl"
}
