// Pooling of x [N·H, W, C] with a k × k window: KIND 0 the maximum (padding never wins), KIND 1 the mean over the cells
// that are inside the map (border cells divide by fewer).
//# const KIND = 0
struct Params { H: u32, W: u32, C4: u32, outH: u32, outW: u32, k: u32, stride: u32, pad: u32, begin: u32, end: u32, inOffset: u32, outOffset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = p.begin + (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.end) { return; }
  let c = i % p.C4;
  let ox = (i / p.C4) % p.outW;
  let row = i / p.C4 / p.outW;
  let n = row / p.outH;
  let left = i32(ox * p.stride) - i32(p.pad);
  let above = i32((row % p.outH) * p.stride) - i32(p.pad);
  //# if KIND
  var v = vec4f();
  var cells = 0.0;
  //# else
  var v = vec4f(-3.4028234e38);
  //# end
  // tested at the foot: a window has a cell, and software drivers would run the bodies once more for no lane
  let yEnd = min(i32(p.k), i32(p.H) - above);
  let xEnd = min(i32(p.k), i32(p.W) - left);
  var ky = max(0, -above);
  loop {
    var kx = max(0, -left);
    loop {
      let at = ((n * p.H + u32(above + ky)) * p.W + u32(left + kx)) * p.C4 + c - p.inOffset;
      //# if KIND
      v += x[at];
      cells += 1.0;
      //# else
      v = max(v, x[at]);
      //# end
      continuing { kx++; break if kx >= xEnd; }
    }
    continuing { ky++; break if ky >= yEnd; }
  }
  //# if KIND
  y[i - p.outOffset] = v / cells;
  //# else
  y[i - p.outOffset] = v;
  //# end
}
