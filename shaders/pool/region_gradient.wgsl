// Gradient of region pooling (region.wgsl) with respect to the maps x [N, H, W, C]; dy, y [N·R, C].
//   KIND 0  MAC    dy at the region's first largest cell in row-major order (as torch), else 0
//   KIND 1  sum    dy
//   KIND 2  SPoC   dy / (h·w)
//   KIND 3  GeM    dy / (h·w)·(x/y)^(e−1) where x >= eps, else 0: the clamp passes nothing below it
// Each invocation owns one cell (four channels) and adds up the regions that contain it, so overlaps need no atomics.
//# const KIND = 0
//# const SHARED = 1
struct Params { H: u32, W: u32, C4: u32, R: u32, count: u32, eps: f32 }
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
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let c = i % p.C4;
  let X = i / p.C4 % p.W;
  let Y = i / p.C4 / p.W % p.H;
  let n = i / p.C4 / p.W / p.H;
  let me = x[i];
  var sum = vec4f();
  for (var r = 0u; r < p.R; r++) {
    let region = regions[r];
    if (Y < region.x || Y >= region.x + region.z || X < region.y || X >= region.y + region.w) { continue; }
    let at = (n * p.R + r) * p.C4 + c;
    //# if KIND == 0
    // few cells equal their region's maximum, and where many do (a dead channel's zeros) an earlier one is found at once
    var first = me == y[at];
    let before = (Y - region.x) * region.w + X - region.y;
    for (var k = 0u; k < before && any(first); k++) {
      let other = x[((n * p.H + region.x + k / region.w) * p.W + region.y + k % region.w) * p.C4 + c];
      first = first & (other != me);
    }
    sum += select(vec4f(), dy[at], first);
    //# end
    //# if KIND == 1
    sum += dy[at];
    //# end
    //# if KIND == 2
    sum += dy[at] / f32(region.z * region.w);
    //# end
    //# if KIND == 3
    //# if SHARED
    let e = vec4f(exponent[0]);
    //# else
    let e = exponent[c];
    //# end
    let power = exp2((e - 1.0) * log2(max(me, vec4f(p.eps)) / y[at]));
    sum += select(vec4f(), dy[at] / f32(region.z * region.w) * power, me >= vec4f(p.eps));
    //# end
  }
  dx[i] = sum;
}
