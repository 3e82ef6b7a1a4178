// How much the rows of attention maps overlap at each location (FIRe's decorrelation, fire.md 5.6). With the unit rows
// u[n, l] = x[n, l] / max(‖x[n, :]‖, eps) of one image:
//   s[l] = Σ_n u[n, l]        o[l] = factor · Σ_{m<n} u[m, l]·u[n, l],   of which Σ_l is factor · ½(ΣC − trace C), C = U·Uᵀ
// Row n adds s·u to the pairs before it adds u to s. So the trace is never in a sum from which it must be taken again, and
// no digits cancel: as attention is positive, every term is.
//
// Sixteen invocations share a quad of locations; each walks N/16 neighbouring rows. Neighbours join in the order of the rows,
// (s₁, o₁) + (s₂, o₂) = (s₁ + s₂, o₁ + o₂ + s₁·s₂), so the result depends on nothing else.
// x [images·N, L4·4], norms [images·N], s and o [images, L4·4]; a workgroup owns eight neighbouring quads.
struct Params { images: u32, N: u32, L4: u32, eps: f32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;
@group(0) @binding(3) var<storage, read_write> s: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> o: array<vec4f>;

var<workgroup> sums: array<vec4f, 128>;       // [slice 16][quad 8]
var<workgroup> pairs: array<vec4f, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) tid: u32) {
  let slice = tid / 8u;
  let at = (wg.x + wg.y * 65535u) * 8u + tid % 8u;
  let inside = at < p.images * p.L4;
  var sum = vec4f();
  var pair = vec4f();
  if (inside) {
    let rows = (p.N + 15u) / 16u;
    let first = at / p.L4 * p.N;
    for (var n = first + min(p.N, slice * rows); n < first + min(p.N, (slice + 1u) * rows); n++) {
      let u = x[n * p.L4 + at % p.L4] / max(norms[n], p.eps);
      pair += sum * u;
      sum += u;
    }
  }
  sums[tid] = sum;
  pairs[tid] = pair;
  for (var span = 1u; span < 16u; span *= 2u) {
    workgroupBarrier();
    if (slice % (2u * span) == 0u) {
      let next = tid + span * 8u;
      pairs[tid] += pairs[next] + sums[tid] * sums[next];
      sums[tid] += sums[next];
    }
  }
  if (inside && slice == 0u) {
    s[at] = sums[tid];
    o[at] = pairs[tid] * p.factor;
  }
}
