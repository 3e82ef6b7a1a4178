// Implicit-GEMM convolution for GPUs: a workgroup of 8 × 16 invocations owns 64 rows × 64 columns and stages K in steps of
// 16 through workgroup memory; each invocation keeps 8 rows × 4 columns in registers. Two barriers a step.
//
//   rows    ty = 0..7  owns rows ty, ty + 8, …, ty + 56
//   columns tx = 0..15 owns the vec4 of columns 4·tx
//
// K is walked in steps of four vec4 of one tap; when inC4 is not a multiple of four the missing vec4 are zero.
//
//# include "conv/params.wgsl"

var<workgroup> left: array<vec4f, 256>;    // [row 64][k4 4]
var<workgroup> right: array<vec4f, 256>;   // [k 16][column vec4 16]

@compute @workgroup_size(16, 8)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let tile = wg.x + wg.y * 65535u;
  let rowTile = tile % p.rowTiles;
  let colTile = tile / p.rowTiles + p.colTileBegin;
  if (tile >= p.rowTiles * p.colTiles) { return; }
  let row0 = p.rowBegin + rowTile * 64u;
  let K = p.kernelH * p.kernelW * p.inC4 * 4u;
  let tid = id.y * 16u + id.x;

  // this invocation stages rows tid/4 and tid/4 + 32, vec4 tid % 4 of the step
  let part = tid % 4u;
  //# for j in 0..2
  let origin${j} = originOf(row0 + tid / 4u + ${j * 32}u);
  //# end
  //# for r in 0..8
  var s${r} = vec4f();
  //# end

  for (var ky = 0u; ky < p.kernelH; ky++) {
    for (var kx = 0u; kx < p.kernelW; kx++) {
      //# for j in 0..2
      let found${j} = addressOf(origin${j}, kx, ky);
      let at${j} = u32(max(found${j}, 0));
      //# end
      let k0 = (ky * p.kernelW + kx) * p.inC4;
      for (var c = 0u; c < p.inC4; c += 4u) {
        workgroupBarrier();
        //# for j in 0..2
        left[(tid / 4u + ${j * 32}u) * 4u + part] = select(vec4f(), input[at${j} + min(c + part, p.inC4 - 1u)], found${j} >= 0 && c + part < p.inC4);
        //# end
        //# for j in 0..2
        {
          let k = tid / 16u + ${j * 8}u;
          let col = colTile * 16u + tid % 16u;
          let inside = col < p.outC4 && c + k / 4u < p.inC4;
          let at = select(0u, ((col / 8u) * K + k0 * 4u + c * 4u + k) * 8u + col % 8u - p.weightOffset, inside);
          right[k * 16u + tid % 16u] = select(vec4f(), weights[at], inside);
        }
        //# end
        workgroupBarrier();
        for (var q = 0u; q < 4u; q++) {
          let b0 = right[(q * 4u) * 16u + id.x];
          let b1 = right[(q * 4u + 1u) * 16u + id.x];
          let b2 = right[(q * 4u + 2u) * 16u + id.x];
          let b3 = right[(q * 4u + 3u) * 16u + id.x];
          //# for r in 0..8
          let v${r} = left[(id.y + ${r * 8}u) * 4u + q];
          s${r} = s${r} + ((v${r}.x * b0 + v${r}.y * b1) + (v${r}.z * b2 + v${r}.w * b3));
          //# end
        }
      }
    }
  }
  let col = colTile * 16u + id.x;
  let b = bias[min(col, p.outC4 - 1u)];
  //# for r in 0..8
  store(row0 + id.y + ${r * 8}u, col, s${r} + b);
  //# end
}
