// Gradient of FIRe's decorrelation with respect to the attention maps, one workgroup a row n. With d = max(‖x[n, :]‖, eps),
// the unit row u = x / d, s the sum of the image's unit rows (decorrelation.wgsl) and g the gradient of the image's term:
//   ∂/∂u = factor·g·(s − u), and back through the normalisation, whose part along u is taken out:
//   dx[l] = factor·g·(s[l] − u[l]·q) / d,   q = Σ_l u[l]·s[l]
// A row shorter than eps was divided by a constant: there q is 1.
//# include "common/reduce.wgsl"
struct Params { rows: u32, N: u32, L4: u32, eps: f32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;
@group(0) @binding(3) var<storage, read> s: array<vec4f>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  let image = row / p.N;
  let divisor = max(norms[row], p.eps);
  var t = 0.0;
  for (var l = lane; l < p.L4; l += ${THREADS}u) { t += dot(x[row * p.L4 + l] / divisor, s[image * p.L4 + l]); }
  let q = select(1.0, sumAll(t, lane), norms[row] >= p.eps);
  let scale = p.factor * g[image] / divisor;
  for (var l = lane; l < p.L4; l += ${THREADS}u) {
    dx[row * p.L4 + l] = scale * (s[image * p.L4 + l] - x[row * p.L4 + l] / divisor * q);
  }
}
