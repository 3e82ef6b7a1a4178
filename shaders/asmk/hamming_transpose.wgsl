// Codes as bit planes, for hamming_sliced.wgsl: blocks of 32 codes, of each block one u32 for each bit.
//
//   planes[block][bit]: bit 31 − n is that bit of code 32·block + n
//
// One invocation turns the 32 × 32 bits of one u32 column of a block, by exchanging ever smaller squares (Hacker's Delight
// §7-3). Places after the last code hold that code again.
//
//# const LENGTH = 4
struct Params { codes: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;          // [code][LENGTH]
@group(0) @binding(2) var<storage, read_write> planes: array<u32>;   // [block][LENGTH · 32]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let block = i / ${LENGTH}u;
  let word = i % ${LENGTH}u;
  //# for n in 0..32
  var r${n} = codes[min(block * 32u + ${n}u, p.codes - 1u) * ${LENGTH}u + word];
  //# end
  //# for s in 0..5
  //# const D = 16 >> s
  //# for k in 0..16
  //# const A = Math.floor(k / D) * 2 * D + k % D
  {
    let t = (r${A} ^ (r${A + D} >> ${D}u)) & ${4294967295 / ((1 << D) + 1)}u;
    r${A} ^= t;
    r${A + D} ^= t << ${D}u;
  }
  //# end
  //# end
  //# for n in 0..32
  planes[i * 32u + ${n}u] = r${n};
  //# end
}
