// Words as half-precision numbers in panels of 32, the right operand of the nearest-word kernels:
//
//   packed[panel][component][word of the panel] = half(scale · c)
//
// The proof of the search needs the error: 2^-11 of a component, and at most 2^-14 below 2^-14, whether or not the device reads
// such small halves as 0. `scale` is a power of two that brings the largest component near 2^15. One invocation makes eight
// neighbouring words of one component.
//# include "common/half.wgsl"
struct Params { count: u32, width: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> words: array<f32>;                 // [word][width]
@group(0) @binding(2) var<storage, read_write> packed: array<vec4u>;        // [panel][width][4]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let component = (i / 4u) % p.width;
  let word = (i / 4u / p.width) * 32u + (i % 4u) * 8u;
  let at = word * p.width + component;
  //# for k in 0..8
  let h${k} = halfBits(words[at + ${k}u * p.width] * p.scale);
  //# end
  packed[i] = vec4u(h0 | (h1 << 16u), h2 | (h3 << 16u), h4 | (h5 << 16u), h6 | (h7 << 16u));
}
