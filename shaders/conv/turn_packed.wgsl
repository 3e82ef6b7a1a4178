// Packed weights of a convolution turned into those of its data gradient: channels and columns change places and the taps
// are mirrored.  turned[panel of c][(taps−1−tap)·O + o][c % 32] = packed[panel of o][tap·C + c][o % 32]
// Several that lie behind one another are turned each: `each` and `count` are the vec4s of one and of all.
struct Params { taps: u32, C: u32, O: u32, each: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> packed: array<f32>;
@group(0) @binding(2) var<storage, read_write> turned: array<vec4f>;

fn value(first: u32, tap: u32, o: u32, c: u32) -> f32 {
  if (c >= p.C) { return 0.0; }
  return packed[first + ((o / 32u) * p.taps * p.C + tap * p.C + c) * 32u + o % 32u];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let K = p.taps * p.O;
  let first = i / p.each * ((p.O + 31u) / 32u * 32u * p.taps * p.C);
  let j = i % p.each;
  let k = (j / 8u) % K;
  let c = (j / 8u / K) * 32u + (j % 8u) * 4u;
  let tap = p.taps - 1u - k / p.O;
  let o = k % p.O;
  turned[i] = vec4f(value(first, tap, o, c), value(first, tap, o, c + 1u), value(first, tap, o, c + 2u), value(first, tap, o, c + 3u));
}
