// Frozen batch norm as a change of weights: w'[o, i] = w[o, i]·gamma[o]·s[o], with s = 1/sqrt(var + eps) given.
//   KIND 0  forward          out = w'
//   KIND 1  gradient of w    out = dw'·gamma·s
//   KIND 2  gradient of gamma, one invocation an output channel: out[o] = s·Σ_i dw'[o, i]·w[o, i]
//# const KIND = 0
struct Params { O: u32, perO: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> s: array<f32>;
@group(0) @binding(4) var<storage, read> dw: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  //# if KIND == 2
  if (i >= p.O) { return; }
  var total = 0.0;
  for (var k = i * p.perO; k < (i + 1u) * p.perO; k++) { total += dw[k] * w[k]; }
  out[i] = total * s[i];
  //# else
  if (i >= p.O * p.perO) { return; }
  let o = i / p.perO;
  //# if KIND == 1
  out[i] = dw[i] * (gamma[o] * s[o]);
  //# else
  out[i] = w[i] * (gamma[o] * s[o]);
  //# end
  //# end
}
