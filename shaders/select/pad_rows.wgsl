// Rows of another length: y[r, c] = x[r, first + c] for c < width, zero behind.
struct Params { before: u32, after: u32, first: u32, width: u32, count: u32 }    // columns of x and of y, …, elements of y
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let c = i % p.after;
  y[i] = select(0.0, x[i / p.after * p.before + p.first + min(c, p.width - 1u)], c < p.width);
}
