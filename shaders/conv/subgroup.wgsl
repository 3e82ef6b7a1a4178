// Implicit-GEMM convolution: the subgroup outer product.
//
//   out[m, o] = relu( Σ_{tap, c} in[pixel(m, tap), c] · W[tap, c, o]  + bias[o] + residual[m, o] )
//
// GEMM view: rows m are output pixels, K runs over taps and then channels, columns o are output channels.
// One subgroup (= one workgroup) of LANES lanes owns a tile of ROWS rows × LANES·CV·4 columns:
//
//            columns: lane 0 | lane 1 | …   CV vec4 each
//   rows     +--------+--------+---
//   0..ROWS  | every lane holds all rows of its own columns in registers
//
// Each lane loads a vec4 along K of "its" rows (lane, lane + LANES, …) and CV vec4 of weights for each k
// (conv/outer_product.wgsl). On drivers that compute on a CPU a load costs tens of multiply-adds and a broadcast two, so
// this needs neither workgroup memory nor barriers.
//
//# const LANES = 8
//# const CV = 1
//# const ROWS = 32
// EDGE: the last tile's columns are not all there, and a lane owns more than one; where it owns one, lanes behind the last column
// do the same as that one's. A branch for it, and for residual and ReLU, would cost half of all time where K is small: software
// drivers compute both sides of one under masks. Nor do they leave a loop in the middle: a loop tested at its
// head runs its body once more, for no lane. Hence the loops that are tested at their foot.
//# const EDGE = 0
enable subgroups;
//# include "conv/params.wgsl"
//# include "conv/sheets.wgsl"

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  let rowTile = tile % p.rowTiles;
  let colTile = tile / p.rowTiles + p.colTileBegin;
  if (tile >= p.rowTiles * p.colTiles) { return; }
  let row0 = p.rowBegin + rowTile * ${ROWS}u;
  let K = p.kernelH * p.kernelW * p.inC4 * 4u;
  //# if CV - 1
  let col = (colTile * ${LANES}u + lane) * ${CV}u;
  //# else
  let col = min(colTile * ${LANES}u + lane, p.outC4 - 1u);
  //# end
  var w = (col / 8u) * K * 8u + col % 8u - p.weightOffset;

  //# for j in 0..ROWS/LANES
  let origin${j} = originOf(row0 + ${j * LANES}u + lane);
  //# end
  var s: array<vec4f, ${ROWS * CV}>;

  var ky = 0u;
  loop {
    var run = 0u;
    loop {
      //# for j in 0..ROWS/LANES
      let y${j} = origin${j}.y + i32(ky * p.dilation);
      let row${j} = (origin${j}.z + y${j}) * i32(p.inW * p.inC4) - i32(p.inOffset);
      let x${j} = (origin${j}.x + i32(run * p.dilation)) * i32(p.inC4);
      let width${j} = select(0u, p.inW * p.inC4, y${j} >= 0 && y${j} < i32(p.inH));
      //# end
      var c = 0u;
      loop {
        // left of the image wraps to a large number; what lies outside reads the window's first value and is masked
        //# for j in 0..ROWS/LANES
        let i${j} = x${j} + i32(c);
        let inside${j} = u32(i${j}) < width${j};
        let a${j} = inputAt(select(0u, u32(row${j} + i${j}), inside${j})) * select(0.0, 1.0, inside${j});
        //# end
        //# include "conv/outer_product.wgsl"
        continuing { c++; break if c >= p.runC4; }
      }
      continuing { run++; break if run >= p.runs; }
    }
    continuing { ky++; break if ky >= p.kernelH; }
  }
  //# for q in 0..CV
  let bias_${q} = bias[min(col + ${q}u, p.outC4 - 1u)];
  //# end
  // a loop, not unrolled: thirty-two stores in a row are more code than all the rest
  let rows = min(${ROWS}u, p.rowEnd - row0);
  let relu = p.relu != 0u;
  let first = row0 * p.outC4 + col - p.outOffset;
  // one of two: with residual or without
  //# for RESIDUAL in 0..2
  let rows${RESIDUAL} = select(0u, rows, p.residual == ${RESIDUAL}u);
  for (var r = 0u; r < rows${RESIDUAL}; r++) {
    let to = first + r * p.outC4;
    //# for q in 0..CV
    //# if EDGE
    if (col + ${q}u < p.outC4)
    //# end
    {
      var v = s[r * ${CV}u + ${q}u] + bias_${q};
      //# if RESIDUAL
      v += residual[to + ${q}u];
      //# end
      output[to + ${q}u] = select(v, max(v, vec4f()), relu);
    }
    //# end
  }
  //# end
}
