// d[r] = FACTOR(r) · Σ_c a[r, c]·b[r', c], one workgroup a row: gradients with respect to one number a row.
//   KIND 0  division by row: r' = r, factor −1 / f[r]²     (a = x, b = dy)
//   KIND 1  weighted sum:    r' = block of r, factor 1      (a = x, b = dy [blocks, C]; blocks of 64 of `each` rows of an image)
//# const KIND = 0
//# include "common/reduce.wgsl"
struct Params { rows: u32, C4: u32, each: u32, blocks: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> f: array<f32>;
@group(0) @binding(4) var<storage, read_write> d: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  //# if KIND
  let other = (row / p.each * p.blocks + row % p.each / 64u) * p.C4;
  //# else
  let other = row * p.C4;
  //# end
  var s = vec4f();
  for (var c = lane; c < p.C4; c += ${THREADS}u) { s += a[row * p.C4 + c] * b[other + c]; }
  let total = sumAll(s.x + s.y + s.z + s.w, lane);
  if (lane == 0u) {
    //# if KIND
    d[row] = total;
    //# else
    d[row] = -total / (f[row] * f[row]);
    //# end
  }
}
