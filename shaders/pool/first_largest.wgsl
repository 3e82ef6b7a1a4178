// Which cell of its k × k window each maximum comes from: the first largest in row-major order (as torch), as the index of
// its pixel in its image, y·W + x. An invocation owns four channels of one window.  x [N, H, W, C] → cell [N, outH, outW, C]
struct Params { H: u32, W: u32, C4: u32, outH: u32, outW: u32, k: u32, stride: u32, pad: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> cell: array<vec4u>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let c = i % p.C4;
  let left = i32(i / p.C4 % p.outW * p.stride) - i32(p.pad);
  let row = i / p.C4 / p.outW;
  let above = i32(row % p.outH * p.stride) - i32(p.pad);
  let first = row / p.outH * p.H * p.W;
  var largest = vec4f(-3.4028234e38);
  var found = vec4u(u32(max(0, above)) * p.W + u32(max(0, left)));
  // tested at the foot, as a window has a cell (conv/subgroup.wgsl)
  let yEnd = min(i32(p.H), above + i32(p.k));
  let zEnd = min(i32(p.W), left + i32(p.k));
  var y = max(0, above);
  loop {
    var z = max(0, left);
    loop {
      let pixel = u32(y) * p.W + u32(z);
      let v = x[(first + pixel) * p.C4 + c];
      found = select(found, vec4u(pixel), v > largest);
      largest = max(largest, v);
      continuing { z++; break if z >= zEnd; }
    }
    continuing { y++; break if y >= yEnd; }
  }
  cell[i] = found;
}
