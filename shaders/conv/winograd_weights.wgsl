// Winograd F(4×4, 3×3): U[p, c, o] = (G g Gᵀ)[p] of each 3 × 3 filter g, both sides in panels of 32 columns.
// packed [panels, 9·C, 32] → U [36, panels, C, 32]. An invocation owns four columns of one channel.
struct Params { C: u32, panels: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> packed: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> U: array<vec4f>;
//# include "conv/winograd.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let tap = p.C * 8u;
  let at = i / tap * 9u * tap + i % tap;
  //# for u in 0..3
  let g${u} = filterToPoints(array<vec4f, 3>(packed[at + ${u}u * tap], packed[at + ${u + 3}u * tap], packed[at + ${u + 6}u * tap]));
  //# end
  let plane = p.panels * tap;
  //# for v in 0..6
  let r${v} = filterToPoints(array<vec4f, 3>(g0[${v}], g1[${v}], g2[${v}]));
  //# for u in 0..6
  U[i + ${v * 6 + u}u * plane] = r${v}[${u}];
  //# end
  //# end
}
