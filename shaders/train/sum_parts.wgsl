// y[i] = Σ over parts of x[part, i], in the order of the parts: partial sums of split reductions.
struct Params { count4: u32, parts: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count4) { return; }
  var s = x[i];
  for (var part = 1u; part < p.parts; part++) { s += x[part * p.count4 + i]; }
  y[i] = s;
}
