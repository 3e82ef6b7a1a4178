// Gradient of LIT's competition: with a = softmax over templates of s·scale, plus eps, and p = a − eps,
//   ds[n, l] = scale · p[n, l] · (da[n, l] − Σ_n' da[n', l]·p[n', l])
// Padded columns hold a = 0; their gradient is zero.
struct Params { N: u32, L: u32, L4: u32, quads: u32, scale: f32, eps: f32 }   // quads: L4 of all images
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> da: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> ds: array<vec4f>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = (wg.x + wg.y * 65535u) * 32u + lane;
  if (quad >= p.quads) { return; }
  let l4 = quad % p.L4;
  let first = quad / p.L4 * p.N * p.L4 + l4;
  let inside = vec4u(l4 * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(p.L);
  var mean = vec4f();
  for (var n = 0u; n < p.N; n++) { mean += da[first + n * p.L4] * (a[first + n * p.L4] - p.eps); }
  for (var n = 0u; n < p.N; n++) {
    let g = p.scale * (a[first + n * p.L4] - p.eps) * (da[first + n * p.L4] - mean);
    ds[first + n * p.L4] = select(vec4f(), g, inside);
  }
}
