// LIT's competition (FIRe, section 3): softmax over the templates for each location, then + eps.
//   a[n, l] = exp(s[n, l]·scale − max_n) / Σ_n exp(…) + eps        s, a: [N, L4·4] an image, template-major
// Each invocation owns four neighbouring locations and walks the templates three times: maximum, sum, write.
// Columns beyond L are written as zeros, because they become terms of later sums over locations.
struct Params { N: u32, L: u32, L4: u32, quads: u32, scale: f32, eps: f32 }   // quads: L4 of all images
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> s: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> a: array<vec4f>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = (wg.x + wg.y * 65535u) * 32u + lane;
  if (quad >= p.quads) { return; }
  let l4 = quad % p.L4;
  let first = quad / p.L4 * p.N * p.L4 + l4;
  var top = s[first];
  for (var n = 1u; n < p.N; n++) { top = max(top, s[first + n * p.L4]); }
  var sum = vec4f();
  for (var n = 0u; n < p.N; n++) { sum += exp((s[first + n * p.L4] - top) * p.scale); }
  let l = vec4u(l4 * 4u) + vec4u(0u, 1u, 2u, 3u);
  let inside = l < vec4u(p.L);
  for (var n = 0u; n < p.N; n++) {
    let v = exp((s[first + n * p.L4] - top) * p.scale) / sum + p.eps;
    a[first + n * p.L4] = select(vec4f(), v, inside);
  }
}
