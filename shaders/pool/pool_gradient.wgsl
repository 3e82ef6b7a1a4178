// Gradient of pooling with respect to its input. Each invocation owns one input cell (four channels) and visits the
// windows that see it. KIND 0, maximum: a window's gradient goes to the cell that its maximum comes from
// (pool/first_largest.wgsl). KIND 1, mean over valid cells: every cell of a window gets its gradient divided by the number
// of its valid cells.
//# const KIND = 0
struct Params { H: u32, W: u32, C4: u32, outH: u32, outW: u32, k: u32, stride: u32, pad: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
//# if KIND
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
//# else
@group(0) @binding(2) var<storage, read> cell: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
//# end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let c = i % p.C4;
  let X = i32((i / p.C4) % p.W);
  let Y = i32((i / p.C4 / p.W) % p.H);
  let n = i / p.C4 / p.W / p.H;
  let k = i32(p.k);
  let s = i32(p.stride);
  let pad = i32(p.pad);
  var sum = vec4f();
  // windows oy with oy·s − pad <= Y < oy·s − pad + k; where strides leave cells out there is none, and the first look is
  // masked (loops are tested at the foot: conv/subgroup.wgsl)
  let yEnd = min(i32(p.outH) - 1, (Y + pad) / s);
  let xBegin = max(0, (X + pad - k + s) / s);
  let xEnd = min(i32(p.outW) - 1, (X + pad) / s);
  var oy = max(0, (Y + pad - k + s) / s);
  loop {
    var ox = xBegin;
    loop {
      let seen = oy <= yEnd && ox <= xEnd;
      let at = select(0u, ((n * p.outH + u32(oy)) * p.outW + u32(ox)) * p.C4 + c, seen);
      let g = select(vec4f(), dy[at], seen);
      //# if KIND
      let rows = min(i32(p.H), oy * s - pad + k) - max(0, oy * s - pad);
      let columns = min(i32(p.W), ox * s - pad + k) - max(0, ox * s - pad);
      sum += g / f32(max(1, rows * columns));
      //# else
      sum += select(vec4f(), g, cell[at] == vec4u(u32(Y) * p.W + u32(X)));
      //# end
      continuing { ox++; break if ox > xEnd; }
    }
    continuing { oy++; break if oy > yEnd; }
  }
  dx[i] = sum;
}
