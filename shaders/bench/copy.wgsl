// The copy bandwidth of a device: every invocation moves four vec4, neighbours touch neighbouring ones.
struct Params { quarter: u32 }   // vec4s in a quarter of the buffer
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.quarter) { return; }
  let a = x[i];
  let b = x[i + p.quarter];
  let c = x[i + 2u * p.quarter];
  let d = x[i + 3u * p.quarter];
  y[i] = a;
  y[i + p.quarter] = b;
  y[i + 2u * p.quarter] = c;
  y[i + 3u * p.quarter] = d;
}
