// y[r, :] = base[r, :]·ADD + x[r, :] / divisor[r]: L1-normalised attention (ADD 0), and LIT's residual update (ADD 1).
//# const ADD = 0
struct Params { count4: u32, C4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> divisor: array<f32>;
@group(0) @binding(3) var<storage, read> base: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count4) { return; }
  //# if ADD
  y[i] = base[i] + x[i] / divisor[i / p.C4];
  //# else
  y[i] = x[i] / divisor[i / p.C4];
  //# end
}
