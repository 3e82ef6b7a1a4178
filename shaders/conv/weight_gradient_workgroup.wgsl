// Gradient of a convolution with respect to its weights, in their packed layout, for GPUs:
//
//   dW[tap, c, o] = Σ_m in[pixel(m, tap), c] · dz[m, o]           m over output pixels
//
// A workgroup of 64 invocations owns 64 neighbouring channels c of one tap × 64 output channels, 8 × 8 an invocation, as
// conv/workgroup.wgsl does; sixteen pixels a step pass through workgroup memory, both sides as they lie. A whole kernel row
// counts as one tap of kernelW·C channels where its pixels are neighbours. The pixels are split into `chunks` workgroups
// that write partial sums; a second kernel adds them in order. The loop counts down for the reason given in conv/workgroup.wgsl.
//# include "conv/weight_gradient_params.wgsl"

var<workgroup> lefts: array<vec4f, 256>;    // [pixel 16][channel 64]
var<workgroup> rights: array<vec4f, 256>;   // [pixel 16][column 64]

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
  let begin = chunk * p.chunk;
  let tapY = i32(tap / p.kernelW * p.dilation) - i32(p.padY);
  let tapX = i32(tap % p.kernelW * p.dilation) - i32(p.padX);
  // the pixels of a step, and by how much the next step's are further: counted on, for divisions are dear
  let stepX = 16u % p.outW;
  let stepY = 16u / p.outW % p.outH;
  let stepN = 16u / p.outW / p.outH;
  //# for j in 0..4
  var m${j} = begin + tid / 16u + ${j * 4}u;
  var x${j} = m${j} % p.outW;
  var y${j} = m${j} / p.outW % p.outH;
  var n${j} = m${j} / p.outW / p.outH;
  var a${j} = vec4f();
  var b${j} = vec4f();
  //# end
  //# for looped in 0..2
  //# if looped
  for (var steps = (end - begin + 15u) / 16u; steps > 0u; steps--) {
    workgroupBarrier();
    //# for j in 0..4
    lefts[tid + ${j * 64}u] = a${j};
    rights[tid + ${j * 64}u] = b${j};
    //# end
    workgroupBarrier();
    //# for j in 0..4
    m${j} += 16u;
    x${j} += stepX;
    y${j} += stepY;
    n${j} += stepN;
    if (x${j} >= p.outW) { x${j} -= p.outW; y${j}++; }
    if (y${j} >= p.outH) { y${j} -= p.outH; n${j}++; }
    //# end
  //# end
    // the next step's values, on their way while this one is multiplied
    //# for j in 0..4
    {
      let y = i32(y${j} * p.stride) + tapY;
      let x = (i32(x${j} * p.stride) + tapX) * i32(p.inC4) + i32(c4);
      let seen = m${j} < end && c4 < p.runC4 && y >= 0 && y < i32(p.inH) && u32(x) < p.inW * p.inC4;
      a${j} = select(vec4f(), input[select(0u, u32((i32(n${j} * p.inH) + y) * i32(p.inW * p.inC4) + x), seen)], seen);
      let given = m${j} < end && col < p.outC4;
      b${j} = select(vec4f(), weights[select(0u, m${j} * p.outC4 + col, given)], given);
    }
    //# end
  //# if looped
    //# for k in 0..16
    {
      let l0 = lefts[${k * 16}u + ty];
      let l1 = lefts[${k * 16 + 8}u + ty];
      let r0 = rights[${k * 16}u + tx];
      let r1 = rights[${k * 16 + 8}u + tx];
      //# for r in 0..4
      s${r}_0 += l0[${r}] * r0;
      s${r}_1 += l0[${r}] * r1;
      s${r + 4}_0 += l1[${r}] * r0;
      s${r + 4}_1 += l1[${r}] * r1;
      //# end
    }
    //# end
  }
  //# end
  //# end
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
