// Right operands of GEMM and convolution in panels of 32 columns: packed[panel][k][32], zeros where there is no value.
// k = tap · Cpad + c. The source is any strided matrix: element (tap, c, column) is at column·sn + c·sc + tap·st.
//   convolution weights OIHW: sn = C·taps, sc = taps, st = 1;  row-major B[K, N]: sn = 1, sc = N;  its transpose: sn = K, sc = 1.
// Several matrices of one form may be packed at once, each from words of its own: `apart` is the distance between two.
struct Params { taps: u32, C: u32, Cpad: u32, N: u32, panels: u32, sn: u32, sc: u32, st: u32, count: u32, apart: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4f>;

fn value(first: u32, tap: u32, c: u32, n: u32) -> f32 {
  if (c >= p.C || n >= p.N) { return 0.0; }
  return source[first + n * p.sn + c * p.sc + tap * p.st];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let K = p.taps * p.Cpad;
  let each = p.panels * K * 8u;
  let first = i / each * p.apart;
  let j = i % each;
  let k = (j / 8u) % K;
  let n = (j / 8u / K) * 32u + (j % 8u) * 4u;
  let tap = k / p.Cpad;
  let c = k % p.Cpad;
  packed[i] = vec4f(value(first, tap, c, n), value(first, tap, c, n + 1u), value(first, tap, c, n + 2u), value(first, tap, c, n + 3u));
}
