// Gradient of y = x / d, d = ‖x‖ + eps, by rows:   dx = dy/d − x·(x·dy) / (‖x‖·d²);   a row of zeros has no second term.
// One workgroup a row.
//# include "common/reduce.wgsl"
struct Params { rows: u32, C4: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  var s = 0.0;
  var t = 0.0;
  for (var c = lane; c < p.C4; c += ${THREADS}u) {
    let v = x[row * p.C4 + c];
    s += dot(v, v);
    t += dot(v, dy[row * p.C4 + c]);
  }
  let norm = sqrt(sumAll(s, lane));
  let along = sumAll(t, lane);
  let divisor = norm + p.eps;
  // divided one after the other: the product of three small numbers would vanish
  let pull = select(along / divisor / divisor / norm, 0.0, norm == 0.0);
  for (var c = lane; c < p.C4; c += ${THREADS}u) {
    dx[row * p.C4 + c] = dy[row * p.C4 + c] / divisor - x[row * p.C4 + c] * pull;
  }
}
