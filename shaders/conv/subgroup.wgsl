// Implicit-GEMM convolution: the subgroup outer product.
//
//   out[m, o] = relu( Σ_{tap, c} in[pixel(m, tap), c] · W[tap, c, o]  + bias[o] + residual[m, o] )
//
// GEMM view: rows m are output pixels, K runs over taps and then channels, columns o are output channels.
// One subgroup (= one workgroup) of LANES lanes owns a tile of ROWS rows × LANES·8 columns:
//
//            columns: lane 0 | lane 1 | …   8 each, two vec4
//   rows     +--------+--------+---
//   0..ROWS  | every lane holds all rows of its own 8 columns in registers
//
// Each lane loads a vec4 along K of "its" rows (lane, lane + LANES, …) and two vec4 of weights for each k; the left values
// reach the other lanes by broadcast with a constant lane number. On drivers that compute on a CPU a load costs 10–20
// multiply-adds and a broadcast about one, so this does 64 vector multiply-adds for every few loads and needs neither
// workgroup memory nor barriers. All four k of the right side are loaded first, then applied row by row: accumulators
// spill once for four multiply-adds, and the four products are added pairwise before they meet the long sum, which rounds
// a quarter as often.
//
//# const LANES = 8
//# const ROWS = 16
enable subgroups;
//# include "conv/params.wgsl"

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  let rowTile = tile % p.rowTiles;
  let colTile = tile / p.rowTiles + p.colTileBegin;
  if (tile >= p.rowTiles * p.colTiles) { return; }
  let row0 = p.rowBegin + rowTile * ${ROWS}u;
  let K = p.kernelH * p.kernelW * p.inC4 * 4u;
  var w = ((colTile * ${LANES / 4}u + lane / 4u) * K) * 8u + (lane % 4u) * 2u - p.weightOffset;

  //# for j in 0..ROWS/LANES
  let origin${j} = originOf(row0 + ${j * LANES}u + lane);
  //# end
  //# for r in 0..ROWS
  var s${r}a = vec4f();
  var s${r}b = vec4f();
  //# end

  for (var ky = 0u; ky < p.kernelH; ky++) {
    for (var kx = 0u; kx < p.kernelW; kx++) {
      //# for j in 0..ROWS/LANES
      let found${j} = addressOf(origin${j}, kx, ky);
      // an address outside the image reads the window's first value and is masked below
      let at${j} = u32(max(found${j}, 0));
      let mask${j} = select(0.0, 1.0, found${j} >= 0);
      //# end
      for (var c = 0u; c < p.inC4; c++) {
        //# for j in 0..ROWS/LANES
        let a${j} = input[at${j} + c] * mask${j};
        //# end
        let b0a = weights[w];
        let b0b = weights[w + 1u];
        let b1a = weights[w + 8u];
        let b1b = weights[w + 9u];
        let b2a = weights[w + 16u];
        let b2b = weights[w + 17u];
        let b3a = weights[w + 24u];
        let b3b = weights[w + 25u];
        w += 32u;
        //# for r in 0..ROWS
        let v${r} = subgroupBroadcast(a${r / LANES}, ${r % LANES}u);
        s${r}a = s${r}a + ((v${r}.x * b0a + v${r}.y * b1a) + (v${r}.z * b2a + v${r}.w * b3a));
        s${r}b = s${r}b + ((v${r}.x * b0b + v${r}.y * b1b) + (v${r}.z * b2b + v${r}.w * b3b));
        //# end
      }
    }
  }
  let col = (colTile * ${LANES / 4}u + lane / 4u) * 8u + (lane % 4u) * 2u;
  //# for r in 0..ROWS
  store(row0 + ${r}u, col, s${r}a);
  store(row0 + ${r}u, col + 1u, s${r}b);
  //# end
}
