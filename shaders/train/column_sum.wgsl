// Partial column sums of a [rows, C], optionally times a second matrix (TIMES = 1) and centred and scaled by row
// statistics (NORMED = 1: Σ a·(b − mean)·scale, the weight gradient of layer norm): y [chunks, C].
//# const TIMES = 0
//# const NORMED = 0
struct Params { rows: u32, C4: u32, chunk: u32, chunks: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 32u + lane;
  let c = i % p.C4;
  let chunk = i / p.C4;
  if (chunk >= p.chunks) { return; }
  var s = vec4f();
  for (var r = chunk * p.chunk; r < min(p.rows, (chunk + 1u) * p.chunk); r++) {
    //# if NORMED
    s += a[r * p.C4 + c] * ((b[r * p.C4 + c] - statistics[r].x) * statistics[r].y);
    //# else
    //# if TIMES
    s += a[r * p.C4 + c] * b[r * p.C4 + c];
    //# else
    s += a[r * p.C4 + c];
    //# end
    //# end
  }
  y[i] = s;
}
