// Rows of two matrices side by side: y[r] = [a[r, 0 … first−1], b[r, 0 … second−1], zeros], numbers one by one or, where all
// widths are multiples of four, four at a time (VEC = 1; widths then count vec4s).
//# const VEC = 0
//# if VEC
alias Value = vec4f;
//# else
alias Value = f32;
//# end
struct Params { widthA: u32, widthB: u32, widthY: u32, first: u32, second: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<Value>;
@group(0) @binding(2) var<storage, read> b: array<Value>;
@group(0) @binding(3) var<storage, read_write> y: array<Value>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let row = i / p.widthY;
  let c = i % p.widthY;
  if (c < p.first) { y[i] = a[row * p.widthA + c]; }
  else if (c < p.first + p.second) { y[i] = b[row * p.widthB + c - p.first]; }
  else { y[i] = Value(); }
}
