// Gradient of a convolution with respect to its weights, in their packed layout: the subgroup outer product again.
//
//   dW[tap, c, o] = Σ_m in[pixel(m, tap), c] · dz[m, o]           m over output pixels
//
// Rows of a tile are 16 neighbouring channels c of one tap, columns LANES·8 output channels, and the sum runs over pixels.
// Both operands are contiguous along their own dimension, so nothing is transposed: for each group of LANES/4 pixels a lane
// loads one vec4 of channels (lane % 4) of pixel (lane / 4) and, for each of these pixels, its two vec4 of dz; the channel
// values reach the other lanes by constant-lane broadcasts. 64 vector multiply-adds for one and two loads a pixel.
//
// The sum over pixels is split into `chunks` workgroups that write partial sums; a second kernel adds them in order.
//# const LANES = 8
enable subgroups;
//# include "conv/weight_gradient_params.wgsl"

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  var t = wg.x + wg.y * 65535u;
  let cTile = t % p.cTiles;
  t /= p.cTiles;
  let taps = p.kernelH * p.kernelW;
  let tap = t % taps;
  t /= taps;
  let colTile = t % p.colTiles;
  let chunk = t / p.colTiles;
  if (chunk >= p.chunks) { return; }
  let c4 = min(cTile * 4u + lane % 4u, p.inC4 - 1u);
  let col = colTile * ${LANES * 2}u + lane * 2u;
  let colA = min(col, p.outC4 - 1u);
  let colB = min(col + 1u, p.outC4 - 1u);
  //# for r in 0..16
  var s${r}a = vec4f();
  var s${r}b = vec4f();
  //# end
  let end = min(p.pixels, (chunk + 1u) * p.chunk);
  for (var m0 = chunk * p.chunk; m0 < end; m0 += ${LANES / 4}u) {
    let m = m0 + lane / 4u;
    let at = seen(m, tap);
    let inside = m < end && at >= 0;
    let a = input[select(0u, u32(at) * p.inC4 + c4, inside)] * select(0.0, 1.0, inside);
    //# for q in 0..LANES/4
    {
      let row = min(m0 + ${q}u, p.pixels - 1u) * p.outC4;
      let ba = dz[row + colA];
      let bb = dz[row + colB];
      //# for v in 0..4
      let w${v} = subgroupBroadcast(a, ${q * 4 + v}u);
      s${v * 4}a += w${v}.x * ba;
      s${v * 4}b += w${v}.x * bb;
      s${v * 4 + 1}a += w${v}.y * ba;
      s${v * 4 + 1}b += w${v}.y * bb;
      s${v * 4 + 2}a += w${v}.z * ba;
      s${v * 4 + 2}b += w${v}.z * bb;
      s${v * 4 + 3}a += w${v}.w * ba;
      s${v * 4 + 3}b += w${v}.w * bb;
      //# end
    }
    //# end
  }
  let K = taps * p.inC4 * 4u;
  let first = chunk * p.size4 + ((col / 8u) * K + (tap * p.inC4 + cTile * 4u) * 4u) * 8u + col % 8u;
  // columns beyond the last panel do not exist; rows beyond the channels belong to the next tap
  if (col / 8u * 8u < (p.outC4 + 7u) / 8u * 8u) {
    //# for r in 0..16
    if (cTile * 4u + ${Math.floor(r / 4)}u < p.inC4) {
      partial[first + ${r * 8}u] = select(vec4f(), s${r}a, col < p.outC4);
      partial[first + ${r * 8 + 1}u] = select(vec4f(), s${r}b, col + 1u < p.outC4);
    }
    //# end
  }
}
