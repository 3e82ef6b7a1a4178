// Gradient of a slice: y is zero but for the words [begin, end), which come from x.
struct Params { count: u32, begin: u32, end: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let inside = i >= p.begin && i < p.end;
  y[i] = select(0.0, x[select(0u, i - p.begin, inside)], inside);
}
