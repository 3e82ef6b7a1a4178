// Gradient of a convolution with respect to its weights, in their packed layout:
//
//   dW[tap, c, o] = Σ_m in[pixel(m, tap), c] · dz[m, o]           m over output pixels
//
// One subgroup owns LANES·4 neighbouring channels c of one tap × LANES·CV·4 output channels, and the sum runs along the
// rows of the output, four pixels a step (conv/outer_sum.wgsl). A whole kernel row counts as one tap of kernelW·C channels
// where its pixels are neighbours, so that few channels (the stem's) fill the lanes too. Both operands are contiguous along their own dimension, so
// nothing is transposed: a lane loads one vec4 of channels and CV vec4 of dz (called weights) for each pixel.
//
// The output rows are split into `chunks` workgroups that write partial sums; a second kernel adds them in order. The
// last row may be short (p.pixels): pixels of a 1×1 convolution are one long row, cut anywhere.
//# const LANES = 8
//# const CV = 1
//# const ROW_LANES = LANES
// the last tile's columns are not all there
//# const EDGE = 0
enable subgroups;
//# include "conv/weight_gradient_params.wgsl"
//# include "conv/sheets.wgsl"

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
  let c4 = min(cTile * ${LANES}u + lane, p.runC4 - 1u);
  let col = (colTile * ${LANES}u + lane) * ${CV}u;
  var s: array<vec4f, ${ROW_LANES * 4 * CV}>;
  let end = min(p.rows, (chunk + 1u) * p.chunk);
  var row = chunk * p.chunk;
  loop {
    let y = i32(row % p.outH * p.stride + tap / p.kernelW * p.dilation) - i32(p.padY);
    let width = select(0u, p.inW * p.inC4, y >= 0 && y < i32(p.inH));
    let first = (i32(row / p.outH * p.inH) + y) * i32(p.inW * p.inC4);
    var x = (i32(tap % p.kernelW * p.dilation) - i32(p.padX)) * i32(p.inC4) + i32(c4);
    let pixels = min(p.outW, p.pixels - row * p.outW);
    var m = 0u;
    loop {
      //# for k in 0..4
      let x${k} = x + i32(${k}u * p.stride * p.inC4);
      let inside${k} = u32(x${k}) < width && m + ${k}u < pixels;
      let a${k} = inputAt(select(0u, u32(first + x${k}), inside${k})) * select(0.0, 1.0, inside${k});
      let at${k} = (row * p.outW + min(m + ${k}u, pixels - 1u)) * p.outC4;
      //# for q in 0..CV
      let b${k}_${q} = weightsAt(at${k} + min(col + ${q}u, p.outC4 - 1u));
      //# end
      //# end
      x += i32(4u * p.stride * p.inC4);
      //# include "conv/outer_sum.wgsl"
      continuing { m += 4u; break if m >= pixels; }
    }
    continuing { row++; break if row >= end; }
  }
  let c0 = cTile * ${LANES * 4}u;
  let rows = min(${ROW_LANES * 4}u, p.runC4 * 4u - c0);
  let panel = col / 8u;
  let out = chunk * p.size4 + ((panel * taps + tap) * p.runC4 * 4u + c0) * 8u + col % 8u;
  for (var r = 0u; r < rows; r++) {
    //# for q in 0..CV
    //# if EDGE
    if (panel < (p.outC4 + 7u) / 8u)
    //# end
    { partial[out + r * 8u + ${q}u] = select(vec4f(), s[r * ${CV}u + ${q}u], col + ${q}u < p.outC4); }
    //# end
  }
}
