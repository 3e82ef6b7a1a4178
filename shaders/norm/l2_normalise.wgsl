// y[r, :] = x[r, :] / (‖x[r, :]‖ + eps), eps beside the root and not under it; one workgroup a row.
//# include "common/reduce.wgsl"
struct Params { rows: u32, C4: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  var s = 0.0;
  for (var c = lane; c < p.C4; c += ${THREADS}u) { s += dot(x[row * p.C4 + c], x[row * p.C4 + c]); }
  let divisor = sqrt(sumAll(s, lane)) + p.eps;
  for (var c = lane; c < p.C4; c += ${THREADS}u) { y[row * p.C4 + c] = x[row * p.C4 + c] / divisor; }
}
