// Gradient of a convolution with respect to its weights, in their packed layout, for GPUs:
//
//   dW[tap, c, o] = Σ_m in[pixel(m, tap), c] · dz[m, o]           m over output pixels
//
// A workgroup of 64 invocations owns 64 neighbouring channels c of one tap × 64 output channels, 8 × 8 an invocation, as
// conv/workgroup.wgsl does; sixteen pixels a step pass through workgroup memory, both sides as they lie. A whole kernel row
// counts as one tap of kernelW·C channels where its pixels are neighbours. The pixels are split into `chunks` workgroups
// that write partial sums; a second kernel adds them in order.
//# include "conv/weight_gradient_params.wgsl"

var<workgroup> left: array<vec4f, 256>;    // [pixel 16][channel 64]
var<workgroup> right: array<vec4f, 256>;   // [pixel 16][column 64]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) tid: u32) {
  var t = wg.x + wg.y * 65535u;
  let cTile = t % p.cTiles;
  t /= p.cTiles;
  let taps = p.kernelH * p.kernelW;
  let tap = t % taps;
  t /= taps;
  let colTile = t % p.colTiles;
  let chunk = t / p.colTiles;
  if (chunk >= p.chunks) { return; }
  let tx = tid % 8u;
  let ty = tid / 8u;
  let part = tid % 16u;                    // the vec4 that this invocation stages, of pixels tid/16, tid/16 + 4, …
  let c4 = cTile * 16u + part;
  let col = colTile * 16u + part;
  let end = min(p.pixels, (chunk + 1u) * p.chunk);
  //# for r in 0..8
  var s${r}_0 = vec4f();
  var s${r}_1 = vec4f();
  //# end
  for (var first = chunk * p.chunk; first < end + 16u; first += 16u) {
    // the values of this step, on their way while the one before is multiplied
    //# for j in 0..4
    let m${j} = first + tid / 16u + ${j * 4}u;
    let y${j} = i32(m${j} / p.outW % p.outH * p.stride + tap / p.kernelW * p.dilation) - i32(p.padY);
    let x${j} = (i32(m${j} % p.outW * p.stride + tap % p.kernelW * p.dilation) - i32(p.padX)) * i32(p.inC4) + i32(c4);
    let row${j} = (i32(m${j} / (p.outW * p.outH) * p.inH) + y${j}) * i32(p.inW * p.inC4);
    let seen${j} = m${j} < end && c4 < p.runC4 && y${j} >= 0 && y${j} < i32(p.inH) && u32(x${j}) < p.inW * p.inC4;
    let a${j} = select(vec4f(), input[select(0u, u32(row${j} + x${j}), seen${j})], seen${j});
    let given${j} = m${j} < end && col < p.outC4;
    let b${j} = select(vec4f(), weights[select(0u, m${j} * p.outC4 + col, given${j})], given${j});
    //# end
    if (first > chunk * p.chunk) {
      //# for k in 0..16
      {
        let l0 = left[${k * 16}u + ty];
        let l1 = left[${k * 16 + 8}u + ty];
        let r0 = right[${k * 16}u + tx];
        let r1 = right[${k * 16 + 8}u + tx];
        //# for r in 0..4
        s${r}_0 += l0[${r}] * r0;
        s${r}_1 += l0[${r}] * r1;
        s${r + 4}_0 += l1[${r}] * r0;
        s${r + 4}_1 += l1[${r}] * r1;
        //# end
      }
      //# end
    }
    workgroupBarrier();
    //# for j in 0..4
    left[tid + ${j * 64}u] = a${j};
    right[tid + ${j * 64}u] = b${j};
    //# end
    workgroupBarrier();
  }
  let K = taps * p.runC4 * 4u;
  let panels = (p.outC4 + 7u) / 8u;
  //# for r in 0..8
  {
    let c = cTile * 64u + ty * 4u + ${r < 4 ? r : r + 28}u;
    //# for q in 0..2
    let o${q} = colTile * 16u + ${q * 8}u + tx;
    if (c < p.runC4 * 4u && o${q} < panels * 8u) {
      partial[chunk * p.size4 + ((o${q} / 8u) * K + tap * p.runC4 * 4u + c) * 8u + o${q} % 8u] = s${r}_${q};
    }
    //# end
  }
  //# end
}
