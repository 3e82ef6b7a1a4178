// LIT's competition as in compete.wgsl, for GPUs: few locations would leave most of one idle. A workgroup owns eight
// neighbouring quads of locations; sixteen invocations share the templates of each and exchange maxima and sums.
struct Params { N: u32, L: u32, L4: u32, quads: u32, scale: f32, eps: f32 }   // quads: L4 of all images
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> s: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> a: array<vec4f>;

var<workgroup> exchange: array<vec4f, 128>;   // [slice 16][quad 8]

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) tid: u32) {
  let quad = tid % 8u;
  let slice = tid / 8u;
  let own = (wg.x + wg.y * 65535u) * 8u + quad;
  let column = min(own, p.quads - 1u);
  let l4 = column % p.L4;
  let first = column / p.L4 * p.N * p.L4 + l4;
  var top = vec4f(-3.4028234e38);
  for (var n = slice; n < p.N; n += 16u) { top = max(top, s[first + n * p.L4]); }
  exchange[tid] = top;
  workgroupBarrier();
  for (var i = 0u; i < 16u; i++) { top = max(top, exchange[i * 8u + quad]); }
  workgroupBarrier();
  var sum = vec4f();
  for (var n = slice; n < p.N; n += 16u) { sum += exp((s[first + n * p.L4] - top) * p.scale); }
  exchange[tid] = sum;
  workgroupBarrier();
  sum = vec4f();
  for (var i = 0u; i < 16u; i++) { sum += exchange[i * 8u + quad]; }
  if (own >= p.quads) { return; }
  let inside = vec4u(l4 * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(p.L);
  for (var n = slice; n < p.N; n += 16u) {
    let v = exp((s[first + n * p.L4] - top) * p.scale) / sum + p.eps;
    a[first + n * p.L4] = select(vec4f(), v, inside);
  }
}
