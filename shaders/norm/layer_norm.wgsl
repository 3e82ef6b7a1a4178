// y[r, :] = (x[r, :] − mean) / sqrt(var + eps) · weight + bias, biased variance, one workgroup a row.
// The variance is taken around the mean (two passes over a row that stays in the cache), not as E[x²] − mean².
//# include "common/reduce.wgsl"
// Of the last columns `columns` count; those beyond are padding, zero in x and y.
struct Params { rows: u32, C4: u32, inOffset: u32, outOffset: u32, eps: f32, row0: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn counted(c: u32, v: vec4f) -> vec4f { return select(vec4f(), v, 4u * c + vec4u(0u, 1u, 2u, 3u) < vec4u(p.columns)); }

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  let src = (p.row0 + row) * p.C4 - p.inOffset;
  let dst = (p.row0 + row) * p.C4 - p.outOffset;
  let C = f32(p.columns);
  var s = vec4f();
  for (var c = lane; c < p.C4; c += ${THREADS}u) { s += counted(c, x[src + c]); }
  let mean = sumAll(s.x + s.y + s.z + s.w, lane) / C;
  var q = vec4f();
  for (var c = lane; c < p.C4; c += ${THREADS}u) {
    let d = counted(c, x[src + c] - mean);
    q += d * d;
  }
  let scale = 1.0 / sqrt(sumAll(q.x + q.y + q.z + q.w, lane) / C + p.eps);
  for (var c = lane; c < p.C4; c += ${THREADS}u) { y[dst + c] = counted(c, (x[src + c] - mean) * scale * weight[c] + bias[c]); }
}
