// The multiply-add peak of a device: CHAINS independent vec4 sums an invocation and no memory inside the loop.
// 8 · CHAINS · 8 FLOP a round. Factor and addend come from outside, so nothing can be folded, and keep the sums finite.
//# const CHAINS = 4
struct Params { rounds: u32, factor: f32, addend: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  let f = p.factor;
  let g = p.addend;
  //# for c in 0..CHAINS
  var s${c} = vec4f(f32(i), f32(i + 1u), f32(i + 2u), f32(i + ${c + 3}u));
  //# end
  for (var r = 0u; r < p.rounds; r++) {
    //# for u in 0..8
    //# for c in 0..CHAINS
    s${c} = s${c} * f + g;
    //# end
    //# end
  }
  var sum = vec4f();
  //# for c in 0..CHAINS
  sum += s${c};
  //# end
  y[i] = sum;
}
