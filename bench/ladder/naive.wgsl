// Step 1. One output an invocation: two scalar loads a multiply-add.
struct Params { M: u32, N: u32, K: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;   // [M][K]
@group(0) @binding(2) var<storage, read> b: array<f32>;   // [K][N]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.M * p.N) { return; }
  let row = i / p.N;
  let column = i % p.N;
  var sum = 0.0;
  for (var k = 0u; k < p.K; k++) { sum += a[row * p.K + k] * b[k * p.N + column]; }
  y[i] = sum;
}
