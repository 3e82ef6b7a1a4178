// Convolution, step 1. Direct, 3×3 with one pixel of padding: an invocation owns four output channels of one pixel and
// walks all taps and channels. One vec4 load of the input and four of weights feed 16 multiply-adds.
struct Params { H: u32, W: u32, C4: u32, O4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;        // [H][W][C]
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;  // panels [O/32][9·C][32]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.H * p.W * p.O4) { return; }
  let o = i % p.O4;
  let px = i32((i / p.O4) % p.W);
  let py = i32(i / p.O4 / p.W);
  var w = (o / 8u) * 9u * p.C4 * 4u * 8u + o % 8u;
  var sum = vec4f();
  for (var ky = -1; ky <= 1; ky++) {
    for (var kx = -1; kx <= 1; kx++) {
      let inside = py + ky >= 0 && py + ky < i32(p.H) && px + kx >= 0 && px + kx < i32(p.W);
      let at = select(0u, (u32(py + ky) * p.W + u32(px + kx)) * p.C4, inside);
      for (var c = 0u; c < p.C4; c++) {
        if (inside) {
          let v = x[at + c];
          sum += v.x * weights[w] + v.y * weights[w + 8u] + v.z * weights[w + 16u] + v.w * weights[w + 24u];
        }
        w += 32u;
      }
    }
  }
  y[i] = sum;
}
