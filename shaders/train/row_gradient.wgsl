// Gradients of ops with one number a row; y [rows, C], x the op's input, f [rows], g [rows] or [rows, C].
//   KIND 0  row sum          y = g[r]
//   KIND 1  row norm         y = g[r]·x / f[r]           (f the norms)
//   KIND 2  division by row  y = g / f[r]                (g [rows, C], f the divisors)
//   KIND 3  weighted sum     y = f[r]·g[block of r]      (g [blocks, C], f the weights; blocks of 64 of an image's `rows`)
//# const KIND = 0
struct Params { count4: u32, C4: u32, rows: u32, blocks: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> f: array<f32>;
//# if KIND < 2
@group(0) @binding(3) var<storage, read> g: array<f32>;
//# else
@group(0) @binding(3) var<storage, read> g: array<vec4f>;
//# end
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count4) { return; }
  let r = i / p.C4;
  //# if KIND == 0
  y[i] = vec4f(g[r]);
  //# end
  //# if KIND == 1
  y[i] = x[i] * (g[r] / f[r]);
  //# end
  //# if KIND == 2
  y[i] = g[i] / f[r];
  //# end
  //# if KIND == 3
  y[i] = f[r] * g[(r / p.rows * p.blocks + r % p.rows / 64u) * p.C4 + i % p.C4];
  //# end
}
