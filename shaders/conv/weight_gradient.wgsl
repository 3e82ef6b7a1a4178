// Gradient of a convolution with respect to its weights, in their packed layout, without subgroups:
//
//   dW[tap, c, o] = Σ_m in[pixel(m, tap), c] · dz[m, o]
//
// Each invocation owns four channels × four output channels of one tap (sixteen sums); 64 invocations of a workgroup
// take neighbouring column quads of the same tap and channels, so their input loads are one broadcast from the cache.
// The sum over pixels is split into `chunks`; a second kernel adds the partial sums in order. The reference of
// weight_gradient_subgroup.wgsl.
struct Params {
  inH: u32, inW: u32, inC4: u32, outH: u32, outW: u32, outC4: u32,
  kernelH: u32, kernelW: u32, stride: u32, dilation: u32, padY: u32, padX: u32,
  pixels: u32, chunk: u32, chunks: u32, cTiles: u32, colTiles: u32, size4: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> dz: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;  // [chunks][panels][taps·inC][32]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  var t = wg.x + wg.y * 65535u;
  let c4 = t % p.cTiles;
  t /= p.cTiles;
  let taps = p.kernelH * p.kernelW;
  let tap = t % taps;
  t /= taps;
  let col = (t % p.colTiles) * 64u + lane;
  let chunk = t / p.colTiles;
  if (chunk >= p.chunks || col >= (p.outC4 + 7u) / 8u * 8u) { return; }
  let ky = i32(tap / p.kernelW * p.dilation) - i32(p.padY);
  let kx = i32(tap % p.kernelW * p.dilation) - i32(p.padX);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  let end = min(p.pixels, (chunk + 1u) * p.chunk);
  if (col < p.outC4) {
    for (var m = chunk * p.chunk; m < end; m++) {
      let y = i32((m / p.outW) % p.outH * p.stride) + ky;
      let x = i32(m % p.outW * p.stride) + kx;
      if (y < 0 || y >= i32(p.inH) || x < 0 || x >= i32(p.inW)) { continue; }
      let n = m / (p.outW * p.outH);
      let a = input[((n * p.inH + u32(y)) * p.inW + u32(x)) * p.inC4 + c4];
      let b = dz[m * p.outC4 + col];
      s0 += a.x * b;
      s1 += a.y * b;
      s2 += a.z * b;
      s3 += a.w * b;
    }
  }
  let K = taps * p.inC4 * 4u;
  let first = chunk * p.size4 + ((col / 8u) * K + (tap * p.inC4 + c4) * 4u) * 8u + col % 8u;
  partial[first] = s0;
  partial[first + 8u] = s1;
  partial[first + 16u] = s2;
  partial[first + 24u] = s3;
}
