// Implicit-GEMM convolution without subgroups or workgroup memory: each invocation owns ROWS rows × 8 columns.
// Sixteen invocations of a workgroup share their rows and own neighbouring columns, so on a GPU the row loads are one
// broadcast from the cache. The variant for devices whose subgroups are missing or of no fixed size, and the second
// opinion that the tests hold against the faster ones: it also adds in another order, one product after the other.
//
//# const ROWS = 8
//# include "conv/params.wgsl"

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  if (tile >= p.rowTiles * p.colTiles) { return; }
  let row0 = p.rowBegin + (tile % p.rowTiles) * ${ROWS}u;
  let K = p.kernelH * p.kernelW * p.inC4 * 4u;
  // 16 invocations × 8 columns = 4 panels of 32
  let col = (tile / p.rowTiles + p.colTileBegin) * 32u + lane * 2u;
  let inside = col < p.outC4;
  var w = select(0u, ((col / 8u) * K) * 8u + (col % 8u) - p.weightOffset, inside);

  //# for r in 0..ROWS
  let origin${r} = originOf(row0 + ${r}u);
  var s${r}a = vec4f();
  var s${r}b = vec4f();
  //# end
  for (var ky = 0u; ky < p.kernelH; ky++) {
    for (var kx = 0u; kx < p.kernelW; kx++) {
      //# for r in 0..ROWS
      let found${r} = addressOf(origin${r}, kx, ky);
      let at${r} = u32(max(found${r}, 0));
      let mask${r} = select(0.0, 1.0, found${r} >= 0);
      //# end
      for (var c = 0u; c < p.inC4; c++) {
        let b0a = weights[w];
        let b0b = weights[w + 1u];
        let b1a = weights[w + 8u];
        let b1b = weights[w + 9u];
        let b2a = weights[w + 16u];
        let b2b = weights[w + 17u];
        let b3a = weights[w + 24u];
        let b3b = weights[w + 25u];
        w += select(0u, 32u, inside);
        //# for r in 0..ROWS
        let v${r} = input[at${r} + c] * mask${r};
        s${r}a = s${r}a + v${r}.x * b0a + v${r}.y * b1a + v${r}.z * b2a + v${r}.w * b3a;
        s${r}b = s${r}b + v${r}.x * b0b + v${r}.y * b1b + v${r}.z * b2b + v${r}.w * b3b;
        //# end
      }
    }
  }
  let biasA = bias[min(col, p.outC4 - 1u)];
  let biasB = bias[min(col + 1u, p.outC4 - 1u)];
  //# for r in 0..ROWS
  store(row0 + ${r}u, col, s${r}a + biasA);
  store(row0 + ${r}u, col + 1u, s${r}b + biasB);
  //# end
}
