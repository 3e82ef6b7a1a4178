// Bilinear rescale without antialiasing. Where each output row and column reads is in two tables made on the CPU in
// float64: (lower index, weight of the upper neighbour); the upper neighbour is clamped to the last.
struct Params { inH: u32, inW: u32, outW: u32, begin: u32, end: u32, inOffset: u32, outOffset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: array<vec2f>;
@group(0) @binding(3) var<storage, read> columns: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = p.begin + (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.end) { return; }
  let r = rows[i / p.outW];
  let c = columns[i % p.outW];
  let y0 = u32(r.x);
  let x0 = u32(c.x);
  let x1 = min(x0 + 1u, p.inW - 1u);
  let upper = y0 * p.inW - p.inOffset;
  let lower = min(y0 + 1u, p.inH - 1u) * p.inW - p.inOffset;
  let top = x[upper + x0] * (1.0 - c.y) + x[upper + x1] * c.y;
  let bottom = x[lower + x0] * (1.0 - c.y) + x[lower + x1] * c.y;
  y[i - p.outOffset] = top * (1.0 - r.y) + bottom * r.y;
}
