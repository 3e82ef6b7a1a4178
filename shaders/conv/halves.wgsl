// Values as halves, what they cannot hold as their largest value: each invocation eight of them.
//# include "common/half.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> values: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> halves: array<vec4u>;

fn two(a: f32, b: f32) -> u32 { return halfBits(a) | (halfBits(b) << 16u); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let a = values[2u * i];
  let b = values[2u * i + 1u];
  halves[i] = vec4u(two(a.x, a.y), two(a.z, a.w), two(b.x, b.y), two(b.z, b.w));
}
