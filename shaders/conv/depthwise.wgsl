// Depthwise convolution: every channel has a K × K filter of its own.
//
//   y[n, Y, X, c] = bias[c] + Σ_{ky,kx} act(x[n, Y·S − pad + ky, X·S − pad + kx, c]) · w[ky, kx, c],   act = ReLU6 with CLIP_IN
//
// and ReLU6 of that with CLIP_OUT. An invocation owns P neighbouring pixels of a row, four channels: it reads each input once for
// all of them, K·(K + (P−1)·S) loads instead of P·K². Weights are packed as for a convolution with one input channel
// (conv/pack.wgsl): panels of 32 channels, four k a tap of which the first counts.
//
//# const K = 3
//# const S = 1
//# const P = 4
//# const CLIP_IN = 0
//# const CLIP_OUT = 0
struct Params { H: u32, W: u32, C4: u32, outH: u32, outW: u32, pad: u32, begin: u32, end: u32, inOffset: u32, outOffset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;       // [panel][tap][4][8]
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  // by (row of the output, run of P pixels, four channels)
  let i = p.begin + (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.end) { return; }
  let c = i % p.C4;
  let runs = (p.outW + ${P - 1}u) / ${P}u;
  let run = i / p.C4 % runs;
  let row = i / p.C4 / runs;
  let n = row / p.outH;
  let left = i32(run * ${P * S}u) - i32(p.pad);
  let above = i32(row % p.outH * ${S}u) - i32(p.pad);
  let filters = c / 8u * ${K * K * 32}u + c % 8u;
  let b = bias[c];
  //# for q in 0..P
  var s${q} = b;
  //# end
  for (var ky = ${K}u; ky > 0u; ky--) {
    let v = above + ${K} - i32(ky);
    let inside = v >= 0 && v < i32(p.H);
    let line = (n * p.H + u32(clamp(v, 0, i32(p.H) - 1))) * p.W;
    let taps = filters + (${K}u - ky) * ${K * 32}u;
    //# for j in 0..K
    let w${j} = weights[taps + ${j * 32}u];
    //# end
    //# for j in 0..K + (P - 1) * S
    let at${j} = left + ${j};
    let found${j} = x[(line + u32(clamp(at${j}, 0, i32(p.W) - 1))) * p.C4 + c - p.inOffset];
    //# if CLIP_IN
    let v${j} = select(vec4f(), min(max(found${j}, vec4f()), vec4f(6.0)), inside && at${j} >= 0 && at${j} < i32(p.W));
    //# else
    let v${j} = select(vec4f(), found${j}, inside && at${j} >= 0 && at${j} < i32(p.W));
    //# end
    //# for q in 0..P
    //# if j - q * S >= 0 && j - q * S < K
    s${q} += v${j} * w${j - q * S};
    //# end
    //# end
    //# end
  }
  let to = row * p.outW + run * ${P}u;
  //# for q in 0..P
  if (run * ${P}u + ${q}u < p.outW) {
    //# if CLIP_OUT
    y[(to + ${q}u) * p.C4 + c - p.outOffset] = min(max(s${q}, vec4f()), vec4f(6.0));
    //# else
    y[(to + ${q}u) * p.C4 + c - p.outOffset] = s${q};
    //# end
  }
  //# end
}
