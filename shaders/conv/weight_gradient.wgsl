// Gradient of a convolution with respect to its weights, in their packed layout, without subgroups:
//
//   dW[tap, c, o] = Σ_m in[pixel(m, tap), c] · dz[m, o]
//
// Each invocation owns four channels × four output channels of one tap (sixteen sums); 64 invocations of a workgroup
// take neighbouring column quads of the same tap and channels, so their input loads are one broadcast from the cache.
// The sum over pixels is split into `chunks`; a second kernel adds the partial sums in order. The reference of
// weight_gradient_subgroup.wgsl.
//# include "conv/weight_gradient_params.wgsl"

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
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  let end = min(p.pixels, (chunk + 1u) * p.chunk);
  if (col < p.outC4) {
    for (var m = chunk * p.chunk; m < end; m++) {
      let at = seen(m, tap);
      if (at < 0) { continue; }
      let a = input[u32(at) * p.inC4 + c4];
      let b = weights[m * p.outC4 + col];
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
