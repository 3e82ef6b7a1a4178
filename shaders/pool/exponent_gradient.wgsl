// Gradient of GeM (region.wgsl, KIND 3) with respect to its exponent e, by output row and channel; the caller adds these up.
//   y = (mean x̂^e)^(1/e), s = x̂/y:   d[row, c] = dy·y/e·mean(s^e·ln s)
// It follows from mean s^e = 1; written with s no power exceeds the number of cells, and nothing large cancels.
// A workgroup owns 16 channel quads of one row; PARTS slices of lanes share the region's cells (across_parts.wgsl).
//# const SHARED = 1
//# include "pool/across_parts.wgsl"
struct Params { H: u32, W: u32, C4: u32, R: u32, rows: u32, blocks: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> regions: array<vec4u>;
//# if SHARED
@group(0) @binding(3) var<storage, read> exponent: array<f32>;
//# else
@group(0) @binding(3) var<storage, read> exponent: array<vec4f>;
//# end
@group(0) @binding(4) var<storage, read> y: array<vec4f>;
@group(0) @binding(5) var<storage, read> dy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> d: array<vec4f>;

const LN2 = 0.6931471805599453;

@compute @workgroup_size(${PARTS * 16})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = wg.x + wg.y * 65535u;
  let row = group / p.blocks;
  if (row >= p.rows) { return; }
  let mine = group % p.blocks * 16u + lane % 16u;
  let c = min(mine, p.C4 - 1u);
  let region = regions[row % p.R];
  let w = region.w;
  let cells = region.z * w;
  let origin = (row / p.R * p.H + region.x) * p.W + region.y;
  //# if SHARED
  let e = vec4f(exponent[0]);
  //# else
  let e = exponent[c];
  //# end
  let mean = y[row * p.C4 + c];
  var sum = vec4f();
  for (var k = lane / 16u; k < cells; k += ${PARTS}u) {
    let l = log2(max(x[(origin + k / w * p.W + k % w) * p.C4 + c], vec4f(p.eps)) / mean);
    sum += exp2(e * l) * l;
  }
  let total = sumParts(sum, lane) * (LN2 / f32(cells));
  if (mine < p.C4 && lane < 16u) { d[row * p.C4 + c] = dy[row * p.C4 + c] * mean / e * total; }
}
