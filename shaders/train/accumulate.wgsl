// y += x, or y = x with COPY = 1. Counts need not be multiples of four: the last words are guarded one by one.
//# const COPY = 0
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = ((wg.x + wg.y * 65535u) * 64u + lane) * 4u;
  for (var i = first; i < min(first + 4u, p.count); i++) {
    //# if COPY
    y[i] = x[i];
    //# else
    y[i] += x[i];
    //# end
  }
}
