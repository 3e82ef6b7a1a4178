// Zeros between the pixels of a gradient, so that the data gradient of a strided convolution is a convolution of stride 1:
// y[n, Y, X, :] = x[n, Y/s, X/s, :] where both divide and lie inside, else 0.   x [N, h, w, C] → y [N, H, W, C]
struct Params { h: u32, w: u32, H: u32, W: u32, C4: u32, stride: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let c = i % p.C4;
  let X = (i / p.C4) % p.W;
  let Y = (i / p.C4 / p.W) % p.H;
  let n = i / p.C4 / p.W / p.H;
  let here = X % p.stride == 0u && Y % p.stride == 0u && X / p.stride < p.w && Y / p.stride < p.h;
  let at = select(0u, ((n * p.h + Y / p.stride) * p.w + X / p.stride) * p.C4 + c, here);
  y[i] = select(vec4f(), x[at], here);
}
