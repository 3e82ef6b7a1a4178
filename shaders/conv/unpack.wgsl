// Gradient of packing: each element of the source takes its place of the packed gradient back (see pack.wgsl).
struct Params { taps: u32, C: u32, Cpad: u32, N: u32, sn: u32, sc: u32, st: u32, count: u32, apart: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> packed: array<f32>;
@group(0) @binding(2) var<storage, read_write> source: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let n = i % p.N;
  let c = (i / p.N) % p.C;
  let tap = i / p.N / p.C % p.taps;
  let batch = i / p.N / p.C / p.taps;
  let panel = batch * ((p.N + 31u) / 32u) + n / 32u;
  source[batch * p.apart + n * p.sn + c * p.sc + tap * p.st] = packed[((panel * p.taps + tap) * p.Cpad + c) * 32u + n % 32u];
}
