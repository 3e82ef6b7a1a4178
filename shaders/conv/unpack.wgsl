// Gradient of packing: each element of the source takes its place of the packed gradient back (see pack.wgsl). An invocation
// does four neighbouring columns of one k: a load, and integer divisions, which cost more than loads on a processor.
struct Params { taps: u32, C: u32, Cpad: u32, N: u32, sn: u32, sc: u32, st: u32, count: u32, apart: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> packed: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> source: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let N4 = (p.N + 3u) / 4u;
  let n4 = i % N4;
  let k = i / N4;                   // of all batches
  let c = k % p.C;
  let tap = k / p.C % p.taps;
  let batch = k / p.C / p.taps;
  let panel = batch * ((p.N + 31u) / 32u) + n4 / 8u;
  let v = packed[((panel * p.taps + tap) * p.Cpad + c) * 8u + n4 % 8u];
  let to = batch * p.apart + n4 * 4u * p.sn + c * p.sc + tap * p.st;
  for (var j = 0u; j < min(4u, p.N - n4 * 4u); j++) { source[to + j * p.sn] = v[j]; }
}
