// One number a row of x [rows, C]: KIND 0 its sum, KIND 1 its L2 norm sqrt(Σ x² + eps). One workgroup a row.
//# const KIND = 0
//# include "common/reduce.wgsl"
struct Params { rows: u32, C4: u32, inOffset: u32, row0: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  let src = (p.row0 + row) * p.C4 - p.inOffset;
  var s = vec4f();
  for (var c = lane; c < p.C4; c += ${THREADS}u) {
    //# if KIND
    s += x[src + c] * x[src + c];
    //# else
    s += x[src + c];
    //# end
  }
  let total = sumAll(s.x + s.y + s.z + s.w, lane);
  if (lane == 0u) {
    //# if KIND
    y[p.row0 + row] = sqrt(total + p.eps);
    //# else
    y[p.row0 + row] = total;
    //# end
  }
}
