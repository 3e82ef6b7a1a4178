// The same as nearest_subgroup.wgsl for GPUs, and for devices without subgroups: a workgroup of 8 × 16 invocations owns
// 64 vectors × 128 words and stages the dimension in steps of 16 through workgroup memory (12 KiB, two barriers a step);
// each invocation keeps 8 vectors × 8 words in registers.
//
//   vectors ty = 0..7  owns rows ty, ty + 8, …, ty + 56
//   words   tx = 0..15 owns the eight neighbours 8·tx … 8·tx + 7, which are one group
//
// When the dimension is no multiple of 16 the missing vec4 are zero.
//
//# const EIGHT = 0
//# include "asmk/nearest_params.wgsl"

var<workgroup> left: array<vec4f, 256>;    // [vector 64][vec4 4]
var<workgroup> right: array<vec4f, 512>;   // [component 16][vec4 of words 32]

@compute @workgroup_size(16, 8)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let tile = wg.x + wg.y * 65535u;
  if (tile >= p.rowTiles * p.colTiles) { return; }
  let row0 = (tile % p.rowTiles) * 64u;
  let colTile = tile / p.rowTiles;
  let tid = id.y * 16u + id.x;
  // this invocation stages vectors tid/4 and tid/4 + 32, vec4 tid % 4 of the step
  let part = tid % 4u;
  //# for j in 0..2
  let at${j} = min(row0 + tid / 4u + ${j * 32}u, p.rows - 1u) * p.dim4;
  //# end
  //# for r in 0..8
  var s${r}a = vec4f();
  var s${r}b = vec4f();
  //# end
  for (var c = 0u; c < p.dim4; c += 4u) {
    workgroupBarrier();
    //# for j in 0..2
    left[(tid / 4u + ${j * 32}u) * 4u + part] = select(vec4f(), vectors[at${j} + min(c + part, p.dim4 - 1u)], c + part < p.dim4);
    //# end
    //# for j in 0..4
    {
      let k = tid / 32u + ${j * 4}u;
      let col = colTile * 32u + tid % 32u;
      let inside = c + k / 4u < p.dim4;
      let at = select(0u, ((col / 8u) * p.dim4 * 4u + c * 4u + k) * 8u + col % 8u, inside);
      let four = select(vec2u(), words[at], inside);
      right[k * 32u + tid % 32u] = vec4f(unpack2x16float(four.x), unpack2x16float(four.y));
    }
    //# end
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      let b = q * 128u + id.x * 2u;
      let b0a = right[b];
      let b0b = right[b + 1u];
      let b1a = right[b + 32u];
      let b1b = right[b + 33u];
      let b2a = right[b + 64u];
      let b2b = right[b + 65u];
      let b3a = right[b + 96u];
      let b3b = right[b + 97u];
      //# for r in 0..8
      let v${r} = left[(id.y + ${r * 8}u) * 4u + q];
      s${r}a = s${r}a + v${r}.x * b0a + v${r}.y * b1a + v${r}.z * b2a + v${r}.w * b3a;
      s${r}b = s${r}b + v${r}.x * b0b + v${r}.y * b1b + v${r}.z * b2b + v${r}.w * b3b;
      //# end
    }
  }
  let group = colTile * 16u + id.x;
  let own = eightOf(group);
  //# for r in 0..8
  {
    let row = row0 + id.y + ${r * 8}u;
    if (row < p.rows) {
      best[row * p.groups + p.groupBegin + group] = bestOf(s${r}a, s${r}b, own, lengths[row]);
    }
  }
  //# end
}
