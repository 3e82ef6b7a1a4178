// Gradient of layer norm with respect to its rows, and the row statistics that the weight's gradient needs.
//   x̂ = (x − mean)·s,  g = dy·weight,  dx = s·(g − mean(g) − x̂·mean(g·x̂));   statistics[r] = (mean, s)
//# include "common/reduce.wgsl"
// Columns from `columns` on are padding: their gradient is zero.
struct Params { rows: u32, C4: u32, eps: f32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> statistics: array<vec2f>;

fn counted(c: u32, v: vec4f) -> vec4f { return select(vec4f(), v, 4u * c + vec4u(0u, 1u, 2u, 3u) < vec4u(p.columns)); }

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  let at = row * p.C4;
  let C = f32(p.columns);
  var s = vec4f();
  for (var c = lane; c < p.C4; c += ${THREADS}u) { s += counted(c, x[at + c]); }
  let mean = sumAll(s.x + s.y + s.z + s.w, lane) / C;
  var q = vec4f();
  for (var c = lane; c < p.C4; c += ${THREADS}u) {
    let d = counted(c, x[at + c] - mean);
    q += d * d;
  }
  let scale = 1.0 / sqrt(sumAll(q.x + q.y + q.z + q.w, lane) / C + p.eps);
  var g1 = vec4f();
  var g2 = vec4f();
  for (var c = lane; c < p.C4; c += ${THREADS}u) {
    let g = counted(c, dy[at + c] * weight[c]);
    g1 += g;
    g2 += g * (x[at + c] - mean) * scale;
  }
  let m1 = sumAll(g1.x + g1.y + g1.z + g1.w, lane) / C;
  let m2 = sumAll(g2.x + g2.y + g2.z + g2.w, lane) / C;
  for (var c = lane; c < p.C4; c += ${THREADS}u) {
    dx[at + c] = counted(c, scale * (dy[at + c] * weight[c] - m1 - (x[at + c] - mean) * scale * m2));
  }
  if (lane == 0u) { statistics[row] = vec2f(mean, scale); }
}
