// One step of Adam (Kingma & Ba 2015, as torch does it), weight decay coupled:
//   g += decay·w;  m = b1·m + (1−b1)·g;  v = b2·v + (1−b2)·g²;  w −= step·m / (sqrt(v)/sqrt(1 − b2ᵗ) + eps)
// with step = rate / (1 − b1ᵗ), both corrections computed in float64 by the caller.
struct Params { count: u32, step: f32, b1: f32, b2: f32, rootCorrection: f32, eps: f32, decay: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let g = gradient[i] + p.decay * w[i];
  let m1 = m[i] + (g - m[i]) * (1.0 - p.b1);
  let v1 = v[i] * p.b2 + (1.0 - p.b2) * g * g;
  m[i] = m1;
  v[i] = v1;
  w[i] -= p.step * (m1 / (sqrt(v1) / p.rootCorrection + p.eps));
}
