// Winograd F(4×4, 3×3): U[p, c, o] = (G g Gᵀ)[p] of each 3 × 3 filter g, both sides in panels of 32 columns.
// packed [panels, 9·C, 32] → U [36, panels, C, 32]. An invocation owns four columns of one channel.
struct Params { C: u32, panels: u32, count: u32, side: u32 }  // side: 6, see winograd_input.wgsl
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
  var t6: array<vec4f, 18>;
  let three = p.side / 2u;
  for (var u = 0u; u < three; u++) {
    let column = filterToPoints(array<vec4f, 3>(
      packed[at + u * tap], packed[at + (u + 3u) * tap], packed[at + (u + 6u) * tap]));
    //# for v in 0..6
    t6[${v * 3}u + u] = column[${v}];
    //# end
  }
  let plane = p.panels * tap;
  for (var v = 0u; v < p.side; v++) {
    let row = filterToPoints(array<vec4f, 3>(t6[v * 3u], t6[v * 3u + 1u], t6[v * 3u + 2u]));
    //# for u in 0..6
    U[i + (v * 6u + ${u}u) * plane] = row[${u}];
    //# end
  }
}
