// Pooling of R rectangles of maps x [N, H, W, C]: y[n·R + r, c] over the cells of regions[r] = (y0, x0, h, w).
//   KIND 0  MAC    max x
//   KIND 1  sum    Σ x
//   KIND 2  SPoC   Σ x / (h·w)
//   KIND 3  GeM    M·(Σ (x̂/M)^e / (h·w))^(1/e)   with x̂ = max(x, eps), M = max x̂, exponent e > 0
// A workgroup owns 16 channel quads of one output row; PARTS slices of lanes share the region's cells (across_parts.wgsl).
// GeM is scaled by its largest cell: the powers lie in (0, 1] and one of them is 1, so neither a large exponent nor a
// region below eps under- or overflows, as x^e itself would in f32 ((1e-6)^6.5 is below the smallest normal number).
//# const KIND = 0
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
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(${PARTS * 16})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = wg.x + wg.y * 65535u;
  let row = group / p.blocks;
  if (row >= p.rows) { return; }
  // lanes beyond the last channel work on it too, so that all meet at the barriers; they write nothing
  let mine = group % p.blocks * 16u + lane % 16u;
  let c = min(mine, p.C4 - 1u);
  let region = regions[row % p.R];
  let w = region.w;
  let cells = region.z * w;
  let origin = (row / p.R * p.H + region.x) * p.W + region.y;
  //# if KIND == 0 || KIND == 3
  var most = vec4f(-3.4028234e38);
  for (var k = lane / 16u; k < cells; k += ${PARTS}u) { most = max(most, x[(origin + k / w * p.W + k % w) * p.C4 + c]); }
  most = maxParts(most, lane);
  //# end
  //# if KIND == 0
  let result = most;
  //# end
  //# if KIND == 1 || KIND == 2
  var sum = vec4f();
  for (var k = lane / 16u; k < cells; k += ${PARTS}u) { sum += x[(origin + k / w * p.W + k % w) * p.C4 + c]; }
  let total = sumParts(sum, lane);
  //# end
  //# if KIND == 1
  let result = total;
  //# end
  //# if KIND == 2
  let result = total / f32(cells);
  //# end
  //# if KIND == 3
  //# if SHARED
  let e = vec4f(exponent[0]);
  //# else
  let e = exponent[c];
  //# end
  let largest = max(most, vec4f(p.eps));
  var sum = vec4f();
  for (var k = lane / 16u; k < cells; k += ${PARTS}u) {
    let v = max(x[(origin + k / w * p.W + k % w) * p.C4 + c], vec4f(p.eps));
    sum += exp2(e * log2(v / largest));
  }
  let result = largest * exp2(log2(sumParts(sum, lane) / f32(cells)) / e);
  //# end
  if (mine < p.C4 && lane < 16u) { y[row * p.C4 + c] = result; }
}
