// Gradient of the filters' transform of Winograd F(4×4, 3×3): dg = (Gᵀ dU G). An invocation owns four columns of one channel.
// dU [36, panels, C, 32] → packed gradient [panels, 9·C, 32]
struct Params { C: u32, panels: u32, count: u32, side: u32 }  // side: 6, see winograd_input.wgsl
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dU: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4f>;
//# include "conv/winograd.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let tap = p.C * 8u;
  let plane = p.panels * tap;
  var t3: array<vec4f, 18>;
  for (var u = 0u; u < p.side; u++) {
    let at = i + u * plane;
    let column = pointsToFilter(array<vec4f, 6>(
      dU[at], dU[at + 6u * plane], dU[at + 12u * plane], dU[at + 18u * plane], dU[at + 24u * plane], dU[at + 30u * plane]));
    //# for v in 0..3
    t3[${v * 6}u + u] = column[${v}];
    //# end
  }
  let first = i / tap * 9u * tap + i % tap;
  let three = p.side / 2u;
  for (var v = 0u; v < three; v++) {
    let k = v * 6u;
    let row = pointsToFilter(array<vec4f, 6>(t3[k], t3[k + 1u], t3[k + 2u], t3[k + 3u], t3[k + 4u], t3[k + 5u]));
    //# for u in 0..3
    packed[first + (v * 3u + ${u}u) * tap] = row[${u}];
    //# end
  }
}
