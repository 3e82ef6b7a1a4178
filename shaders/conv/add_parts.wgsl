// The end of a product whose K was split: y[m, o] = relu( Σ over parts of x[part, m, o] + bias[o] + residual[m, o] ).
struct Params { count: u32, parts: u32, outC4: u32, relu: u32, residual: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  var sum = x[i];
  for (var part = 1u; part < p.parts; part++) { sum += x[part * p.count + i]; }
  sum += bias[i % p.outC4];
  if (p.residual != 0u) { sum += residual[i]; }
  if (p.relu != 0u) { sum = max(sum, vec4f()); }
  y[i] = sum;
}
