// One step of SGD with momentum (torch's form), weight decay coupled:  g += decay·w;  m = momentum·m + g;  w −= rate·m
// (at the first step m = g).
struct Params { count: u32, rate: f32, momentum: f32, decay: f32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let g = gradient[i] + p.decay * w[i];
  let momentum = select(p.momentum * m[i] + g, g, p.first != 0u);
  m[i] = momentum;
  w[i] -= p.rate * momentum;
}
